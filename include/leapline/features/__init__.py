"""The declarative feature spec, and the features that depend on what training fits."""
