"""The time of this machine, asked for in one place, so that tests can let the clock jump.

What must survive a jump does not depend on it: locks and patience use the monotonic clock, entries of the ledger are
ordered by their links, and days of data come from the events.
"""

from datetime import UTC, date, datetime


def now() -> datetime:
    """Return the present time, UTC."""
    return datetime.now(UTC)


def today() -> date:
    """Return the present day, UTC."""
    return now().date()
