"""The declarative feature spec and its compilation to Spark SQL."""
