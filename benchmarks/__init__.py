"""Benchmarks of Leapline and of alternatives: `make bench`, `make bench-scale`."""
