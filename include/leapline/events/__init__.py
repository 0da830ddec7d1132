"""Snowplow events: field mapping, cleaning and quarantine."""
