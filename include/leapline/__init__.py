"""Leapline: every night, a shop's click stream becomes a deployable scoring container, or a plain reason why not."""

__version__ = "0.1.0"
