"""A seeded simulator of runs over lake, ledger and tags; see docs/decisions/0093-simulator.md."""
