"""Where a day's raw events come from."""
