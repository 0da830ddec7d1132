"""Which slices of a source can hold a day's events. Shared by all sources whose slices have landing times."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from leapline.errors import NoEventsError
from leapline.sources.landed.layout import Span
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
        NoEventsError: nothing has landed from the day's start on that could belong to it, or only late events.
    """
    ordered = sorted(listing.slices, key=lambda item: (item.landed_from, item.name))
    first, last = outer_limits(window)
    prompt_days = window.days_late if window.first_within is None else min(window.first_within, window.days_late)
    prompt = last - timedelta(days=window.days_late - prompt_days)
    if not any(item.landed_until >= window.start and item.landed_from <= prompt for item in ordered):
        raise NoEventsError(
            f"events of {window.day} in {source}",
            found=", and ".join(filter(None, (_days_of(listing), listing.ignored_text()))),
            expected=f"a run or file of {window.day} or the {prompt_days + 1} days after it",
            fix="Check that the collector and the loader ran, or choose another date.",
        )
    before = max((item.landed_from for item in ordered if item.landed_until < first), default=first)
    after = min((item.landed_from for item in ordered if item.landed_from > last), default=last)
    return [item for item in ordered if before <= item.landed_from <= after]


def outer_limits(window: DayWindow) -> tuple[datetime, datetime]:
    """Return the earliest and the latest landing time of the day's events."""
    last = window.end + timedelta(days=window.days_late) + window.lookahead + FLUSH
    return window.start - window.lookback, last


def nearest(spans: Mapping[str, Span], first: datetime, last: datetime) -> set[str]:
    """Return the names whose spans overlap with the limits, and those nearest to them at each end."""
    before = max((span.until for span in spans.values() if span.until < first), default=first)
    after = min((span.start for span in spans.values() if span.start > last), default=last)
    return {name for name, span in spans.items() if span.until >= before and span.start <= after}


def _days_of(listing: Listing) -> str:
    days = sorted(
        {item.landed_from.date().isoformat() for item in listing.slices} | {d.isoformat() for d in listing.other_days}
    )
    more = " and later days" if len(days) > _DAYS_SHOWN else ""
    return f"runs and files of {', '.join(days[:_DAYS_SHOWN])}{more}" if days else "no run and no file"
