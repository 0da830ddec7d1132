"""The line's steps: plain functions over the lake, and their spark-submit entry points."""
