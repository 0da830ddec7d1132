"""Snowplow events: generate, import, read, clean."""
