"""The events table in PostgreSQL."""
