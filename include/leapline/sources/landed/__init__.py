"""Files that Snowplow's loaders have landed in folders and buckets."""
