"""Rights of the visitors: erasure from the lake, and the list of visitors whose events are no longer read."""
