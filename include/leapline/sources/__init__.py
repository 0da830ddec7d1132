"""Event sources: where a day's raw events are, and how Spark reads them."""
