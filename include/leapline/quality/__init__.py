"""Expectations on one day of events."""
