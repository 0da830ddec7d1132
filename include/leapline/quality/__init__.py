"""Data quality: statistics of one day of events, and expectations on them."""
