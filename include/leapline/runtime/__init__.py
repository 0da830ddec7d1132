"""The environment of a step: its context and report, the Spark session, the versions of code and libraries."""
