"""The native program that cleans events inside Spark's tasks: its options, and how tasks run it."""
