"""Which slices of a source can hold a day's events. Shared by all sources whose slices have landing times."""

from datetime import timedelta
from typing import Final

from leapline.errors import NoEventsError
from leapline.sources.source import DayWindow, Listing, Slice

FLUSH: Final = timedelta(hours=1)
"""Maximum time for which a loader buffers events before it writes them."""

_DAYS_SHOWN: Final = 8


def select_slices(source: str, listing: Listing, window: DayWindow) -> list[Slice]:
    """Select the slices that can hold events of the day's sessions.

    A batch contains what was collected before it started or, with some set-ups, after. Therefore one more batch is
    taken at each end.

    Args:
        source: the source's name, for messages.
        listing: everything in the source.
        window: the day and its margins.

    Returns:
        The selection, by time and name.

    Raises:
        NoEventsError: nothing has landed from the day's start on that could belong to it.
    """
    ordered = sorted(listing.slices, key=lambda item: (item.landed_from, item.name))
    first = window.start - window.lookback
    last = window.end + timedelta(days=window.days_late) + window.lookahead + FLUSH
    if not any(item.landed_until >= window.start and item.landed_from <= last for item in ordered):
        raise NoEventsError(
            f"events of {window.day} in {source}",
            found=", and ".join(filter(None, (_days_of(ordered), listing.ignored_text()))),
            expected=f"a run or file of {window.day} or the {window.days_late + 1} days after it",
            fix="Check that the collector and the loader ran, or choose another date.",
        )
    before = max((item.landed_from for item in ordered if item.landed_until < first), default=first)
    after = min((item.landed_from for item in ordered if item.landed_from > last), default=last)
    return [item for item in ordered if before <= item.landed_from <= after]


def _days_of(slices: list[Slice]) -> str:
    days = sorted({item.landed_from.date().isoformat() for item in slices})
    more = " and later days" if len(days) > _DAYS_SHOWN else ""
    return f"runs and files of {', '.join(days[:_DAYS_SHOWN])}{more}" if days else "no run and no file"
