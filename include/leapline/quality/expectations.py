"""Expectations on a day's statistics as plain data: each with its limits and the meaning of a failure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from leapline.events.schema import SCHEMA
from leapline.quality.profile import ADDED_LATER, REQUIRED

_REPEATED_ORDERS: Final = (
    "too many orders that another session or an earlier day has counted, and which were left out: correct `order` in "
    "the event mapping if order ids are not unique, or set LEAPLINE_REPEATED_ORDER_DAYS=0 if they start again every "
    "few days, and extract the day again"
)

MISSING: Final = "data is missing, independently of the model"
"""Ends the meaning of a failure that is about the amount of data."""
MIN_WEEKDAYS: Final = 3
"""Number of same weekdays from which on their median is the measure of a day's volume."""


@dataclass(frozen=True)
class Limits:
    """The limits that an installation can set.

    Attributes:
        min_volume_ratio: the day's minimum number of events, as a share of the usual number.
        max_quarantine_share: maximum share of quarantined lines.
        max_duplicate_share: maximum share of lines that repeat an event.
        max_repeated_order_share: maximum share of orders that repeat one of another session or an earlier day.
        max_price: a higher price is an error.
        max_other_currency_share: maximum share of priced events in another currency than the most frequent one.
        max_shared_session_share: maximum share of sessions that have several visitors.
        max_busy_visitor_share: maximum share of sessions of visitors with very many sessions.
        unusable_files: whether files without usable lines are accepted.
    """

    min_volume_ratio: float = 0.5
    max_quarantine_share: float = 0.05
    max_duplicate_share: float = 0.6
    max_repeated_order_share: float = 0.2
    max_price: float = 1e8
    max_other_currency_share: float = 0.02
    max_shared_session_share: float = 0.05
    max_busy_visitor_share: float = 0.05
    unusable_files: bool = False


@dataclass(frozen=True)
class Expectation:
    """A statistic, its limits and the meaning of a failure.

    Attributes:
        column: the statistic's name in `table`.
        minimum: the lower limit; None for no limit.
        maximum: the upper limit; None for no limit.
        meaning: what a value outside the limits means, a noun phrase.
    """

    column: str
    minimum: float | None
    maximum: float | None
    meaning: str


def expectations(
    history: Sequence[Mapping[str, Any]], limits: Limits, same_weekday: Sequence[Mapping[str, Any]] = ()
) -> list[Expectation]:
    """Return all expectations of a day.

    Args:
        history: the profiles of the days before; without any, one event is enough.
        limits: the limits that an installation can set.
        same_weekday: the profiles of the same weekday in the weeks before, which replace `history` if there are at
            least `MIN_WEEKDAYS`: a shop's Sunday is no measure of its Monday.
    """
    kind = "days before" if len(same_weekday) < MIN_WEEKDAYS else "same weekdays before"
    before = [float(past["events"]) for past in (history if len(same_weekday) < MIN_WEEKDAYS else same_weekday)]
    floor = max(1.0, median(before) * limits.min_volume_ratio) if before else 1.0
    never = [
        *((f"null_{name}", f"events without {name}") for name in REQUIRED),
        ("unknown_kinds", "events of an unknown kind"),
        ("duplicates", "events of sessions with duplicated or missing events"),
        ("negative_prices", "prices below zero"),
        ("bad_quantities", "quantities below zero"),
        ("out_of_order", "events later than their own arrival"),
        ("before_day", "events before the day"),
        ("after_tail", "events after the look-ahead"),
        ("bad_pseudonyms", "session or visitor ids that are not pseudonyms"),
        ("personal_values", "texts that contain personal data"),
        ("unexpected_columns", "columns that the schema of clean events does not have"),
        ("missing_columns", "columns missing from clean events"),
    ]
    return [
        Expectation("events", floor, None, _volume(before, kind, limits)),
        Expectation("sessions", 1, None, f"no session: {MISSING}"),
        Expectation("kind_item_view", 1, None, "no item view: the tracking of item views is broken"),
        Expectation("quarantined_share", 0, limits.max_quarantine_share, "too many quarantined lines"),
        Expectation("duplicate_share", 0, limits.max_duplicate_share, "too many events sent twice"),
        Expectation("repeated_order_share", 0, limits.max_repeated_order_share, _REPEATED_ORDERS),
        Expectation("other_currency_share", 0, limits.max_other_currency_share, "prices in several currencies"),
        Expectation(
            "shared_session_share", 0, limits.max_shared_session_share, "too many sessions of several visitors"
        ),
        Expectation("busy_visitor_share", 0, limits.max_busy_visitor_share, "visitors with thousands of sessions"),
        *([] if limits.unusable_files else [Expectation("unusable_files", None, 0, "files without usable lines")]),
        Expectation("largest_price", 0, limits.max_price, "a price above the limit"),
        *(Expectation(column, None, 0, meaning) for column, meaning in never),
    ]


def table(profile: Mapping[str, Any]) -> dict[str, float]:
    """Return the profile as one row of numbers, with its columns compared with the schema of clean events."""
    columns: Mapping[str, str] = profile["columns"]
    return {
        **dict.fromkeys(ADDED_LATER, 0.0),
        **{name: float(value) for name, value in profile.items() if name not in ("columns", "digest")},
        "unexpected_columns": float(len(set(columns) - set(SCHEMA))),
        "missing_columns": float(sum(columns.get(name) != type_ for name, type_ in SCHEMA.items())),
    }


def _volume(before: Sequence[float], kind: str, limits: Limits) -> str:
    if not before:
        return f"no events: {MISSING}"
    return (
        f"less than {limits.min_volume_ratio:.0%} of the median of {len(before)} {kind} ({median(before):.0f}):"
        f" {MISSING}"
    )
