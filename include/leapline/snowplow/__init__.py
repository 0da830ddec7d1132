"""Snowplow's enriched event format: columns, self-describing JSON, and batches as the loader writes them."""
