"""Events tables in a lake format: Delta and Iceberg, as Snowplow's Lake Loader writes them."""
