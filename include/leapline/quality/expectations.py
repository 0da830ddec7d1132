"""What is expected of a day's numbers, as plain data: one entry a number, with its limits and what a breach means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from leapline.events.schema import SCHEMA
from leapline.quality.profile import REQUIRED


@dataclass(frozen=True)
class Limits:
    """What may vary from shop to shop.

    Attributes:
        min_volume_ratio: share of the median of the days before that a day must reach.
        max_quarantine_share: share of the lines that may be set aside.
        max_duplicate_share: share of the lines that may repeat an event.
        max_price: above it a price is taken for an error.
    """

    min_volume_ratio: float = 0.5
    max_quarantine_share: float = 0.05
    max_duplicate_share: float = 0.2
    max_price: float = 1e6


@dataclass(frozen=True)
class Expectation:
    """One number, its limits (None: none on that side) and the words for a breach."""

    column: str
    least: float | None
    most: float | None
    otherwise: str


def expectations(history: Sequence[Mapping[str, Any]], limits: Limits) -> list[Expectation]:
    """All expectations of a day, given the profiles of the days before; without any, any volume will do."""
    before = [float(past["events"]) for past in history]
    floor = max(1.0, median(before) * limits.min_volume_ratio) if before else 1.0
    none = [
        *((f"null_{name}", f"events without {name}") for name in REQUIRED),
        ("unknown_kinds", "events of an unknown kind"),
        ("duplicates", "event ids that stand twice after cleaning"),
        ("negative_prices", "prices below zero"),
        ("bad_quantities", "quantities below zero"),
        ("out_of_order", "events later than their own arrival"),
        ("before_day", "events before the day"),
        ("after_tail", "events after the look-ahead"),
        ("bad_pseudonyms", "session or visitor ids that are no pseudonyms"),
        ("personal_values", "texts that look like an e-mail or network address"),
        ("unexpected_columns", "columns that do not belong in clean events"),
        ("missing_columns", "columns missing from clean events"),
    ]
    return [
        Expectation("events", floor, None, _volume(before, limits)),
        Expectation("sessions", 1, None, "no session: no data, which says nothing about the model"),
        Expectation("kind_item_view", 1, None, "nobody looked at an item: tracking of item views is broken"),
        Expectation("quarantined_share", 0, limits.max_quarantine_share, "too many lines set aside"),
        Expectation("duplicate_share", 0, limits.max_duplicate_share, "too many events sent twice"),
        Expectation("largest_price", 0, limits.max_price, "a price beyond belief"),
        *(Expectation(column, None, 0, words) for column, words in none),
    ]


def table(profile: Mapping[str, Any]) -> dict[str, float]:
    """The profile as one row of numbers, its columns compared with those of clean events."""
    found: Mapping[str, str] = profile["columns"]
    return {
        **{name: float(value) for name, value in profile.items() if name != "columns"},
        "unexpected_columns": float(len(set(found) - set(SCHEMA))),
        "missing_columns": float(sum(found.get(name) != type_ for name, type_ in SCHEMA.items())),
    }


def _volume(before: Sequence[float], limits: Limits) -> str:
    if not before:
        return "no events: no data, which says nothing about the model"
    return (
        f"less than {limits.min_volume_ratio:.0%} of the median of {len(before)} days before ({median(before):.0f}):"
        " no data or half of it, which says nothing about the model"
    )
