"""A day's part of a table of events: which rows, in which slices of time.

The rows are chosen by the same rule by which the cleaning leaves out the events of other days, so that the database
sends nothing else: an event belongs to the day's window by its own time, or arrived on the day.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from leapline.sources.landed.selection import FLUSH, outer_limits
from leapline.sources.source import DayWindow, Slice

COLLECTOR: Final = "collector_tstamp"
DERIVED: Final = "derived_tstamp"
_LATE_LENGTH: Final = timedelta(hours=3)
"""Length of a slice after the window, where nearly every event belongs to another day."""
_LENGTHS: Final = tuple(timedelta(minutes=minutes) for minutes in (60, 30, 15, 5))
_ROWS: Final = 100_000
"""Rows per slice that are aimed at."""


@dataclass(frozen=True)
class DayRows:
    """The rows of a table that can be events of a day's sessions.

    Args:
        window: the day and its margins.
    """

    window: DayWindow

    @property
    def first(self) -> datetime:
        """The earliest arrival of an event of the day's window; a visitor's clock may be ahead of the collector's."""
        return self.window.start - self.window.lookback - FLUSH

    @property
    def last(self) -> datetime:
        """The end of the time in which the day's events arrive."""
        return outer_limits(self.window)[1]

    def slices(self, rows: float, whole_days: bool = False) -> tuple[Slice, ...]:
        """Return the slices, whose `location` is SQL that chooses the day's rows among all that arrived in their time.

        Args:
            rows: an estimate of the number of rows that arrive in a day.
            whole_days: whether each slice costs the database as much as the whole, so that few are better.
        """
        window, event_time = self.window, f"coalesce({DERIVED}, {COLLECTOR})"
        near = between(event_time, window.start - window.lookback, window.end + window.lookahead)
        condition = f"({near} OR {between(COLLECTOR, window.start, window.end)})"
        spans = self._spans(timedelta(days=1) if whole_days else _length(rows))
        return tuple(
            Slice(f"{start:%Y-%m-%dT%H:%M} to {end:%Y-%m-%dT%H:%M}", condition, start, end) for start, end in spans
        )

    def _spans(self, length: timedelta) -> Iterator[tuple[datetime, datetime]]:
        """Yield the slices' times; no slice crosses midnight."""
        start = self.first
        while start < self.last:
            step = length if start < self.window.end + self.window.lookahead else max(length, _LATE_LENGTH)
            midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
            end = min(midnight + ((start - midnight) // step + 1) * step, self.last)
            yield start, end
            start = end


def _length(rows: float) -> timedelta:
    """Return the length of a slice, so that most have at most `_ROWS` rows."""
    day = timedelta(days=1)
    return next((length for length in _LENGTHS if rows * (length / day) <= _ROWS), _LENGTHS[-1])


def between(column: str, start: datetime, end: datetime) -> str:
    """Return SQL for values from `start` until before `end`, in a session whose time zone is UTC."""
    return f"{column} >= {_literal(start)} AND {column} < {_literal(end)}"


def _literal(instant: datetime) -> str:
    return f"'{instant:%Y-%m-%d %H:%M:%S.%f}'"
