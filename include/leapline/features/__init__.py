"""The declarative feature spec and its Spark half."""
