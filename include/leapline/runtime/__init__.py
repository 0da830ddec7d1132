"""What every step runs in: its context and report, the Spark session, the versions of code and libraries."""
