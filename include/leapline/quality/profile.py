"""The statistics of a day's events that the data check uses.

Great Expectations validates this small table, never the events: its own passes over them would double the run time.
"""

import hashlib
from typing import Any

from leapline.events.schema import SCHEMA

REQUIRED = ("event_id", "session", "visitor", "ts", "collector_ts", "kind")
ADDED_LATER = (
    "other_currency_share",
    "shared_session_share",
    "busy_visitor_share",
    "unusable_files",
    "repeated_order_share",
)
"""Statistics that profiles of older days do not have."""


def profile(statistics: dict[str, Any], counts: dict[str, Any]) -> dict[str, Any]:
    """Profile one cleaned day.

    Args:
        statistics: of the events, from cleaning (`leapline.events.statistics`).
        counts: the balance of the day's lines, from cleaning: `day`, `quarantined_share`, `excluded`, and, if they are
            there, `currencies`, `unusable_files`, `orders` and `orders_repeated`.

    Returns:
        Plain numbers by name: `events`, `sessions`, `visitors`, `buyers`, `kind_*`, `null_*`,
        `duplicates`, `negative_prices`, `largest_price`, `bad_quantities`, `out_of_order`, `before_day`, `after_tail`,
        `bad_pseudonyms`, `personal_values`, `duplicate_share`, `quarantined_share`, those of
        `ADDED_LATER`; `columns`, name to type; and `digest`, of all values of the events in any order.
    """
    numbers = dict(statistics)
    duplicate_lines = counts["excluded"]["duplicate"]
    sessions = max(1, numbers["sessions"])
    return numbers | {
        "shared_session_share": round(numbers.pop("shared_sessions") / sessions, 6),
        "busy_visitor_share": round(numbers.pop("busy_sessions") / sessions, 6),
        "other_currency_share": _other_currency_share(counts.get("currencies", {})),
        "unusable_files": counts.get("unusable_files", 0),
        "repeated_order_share": round(counts.get("orders_repeated", 0) / max(1, counts.get("orders", 0)), 6),
        "duplicate_share": round(duplicate_lines / max(1, duplicate_lines + numbers["events"]), 6),
        "quarantined_share": counts["quarantined_share"],
        "digest": _digest(numbers["events"], numbers.pop("hash_xor"), numbers.pop("hash_sum")),
        "columns": dict(SCHEMA),
    }


def _digest(*parts: int | None) -> str:
    """Return a digest of a day's events: of their number and of two combinations of their hashes."""
    return hashlib.sha256(":".join(map(str, parts)).encode()).hexdigest()[:32]


def _other_currency_share(currencies: dict[str, int]) -> float:
    total = sum(currencies.values())
    return round(1 - max(currencies.values()) / total, 6) if total else 0.0
