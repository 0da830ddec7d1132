"""The statistics of a day's events that the data check uses: one pass of Spark over the events.

Great Expectations validates this small table, never the events: its own passes over them would double the run time.
"""

import hashlib
from typing import TYPE_CHECKING, Any

from leapline.events.personal import personal_data_sql
from leapline.events.plain_text import plain_sql
from leapline.events.schema import KINDS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

REQUIRED = ("event_id", "session", "visitor", "ts", "collector_ts", "kind")
ADDED_LATER = (
    "other_currency_share",
    "shared_session_share",
    "busy_visitor_share",
    "unusable_files",
    "repeated_order_share",
)
"""Statistics that profiles of older days do not have."""
TEXTS = ("page", "item", "category", "device", "referrer")
_PLAIN = "_plain"
_SUMMED = ("buyers", "shared_sessions", "events", "duplicates")
_NUMBER = "CAST(event_id AS INT)"
_IS_NUMBERED = f"max({_NUMBER}) = count(1) AND sum({_NUMBER}) = count(1) * (count(1) + 1) / 2"
"""Whether the events of a session are numbered from 1 on: then none of them is there twice, and none is missing."""


def profile(
    events: "DataFrame", counts: dict[str, Any], max_sessions_per_visitor: int = 1000, detect_numbers: bool = True
) -> dict[str, Any]:
    """Profile one cleaned day.

    Args:
        events: clean events.
        counts: the balance of the day's lines, from cleaning: `day`, `quarantined_share`, `excluded`, and, if they are
            there, `currencies`, `unusable_files`, `orders` and `orders_repeated`.
        max_sessions_per_visitor: a visitor with more sessions counts as busy.
        detect_numbers: whether phone, card and account numbers count as personal values.

    Returns:
        Plain numbers by name: `events`, `sessions`, `visitors`, `buyers`, `kind_*`, `null_*`,
        `duplicates`, `negative_prices`, `largest_price`, `bad_quantities`, `out_of_order`, `before_day`, `after_tail`,
        `bad_pseudonyms`, `personal_values`, `duplicate_share`, `quarantined_share`, those of
        `ADDED_LATER`; `columns`, name to type; and `digest`, of all values of the events in any order.
    """
    sums = _sums(str(counts["day"]), detect_numbers)
    texts = f"concat_ws(' ', {', '.join(TEXTS)})"
    with_text = events.selectExpr("*", f"{plain_sql(texts)} AS {_PLAIN}")
    by_session = with_text.groupBy("session").agg(*_per_session(sums, events.columns))
    by_visitor = by_session.groupBy("visitor").agg(*_per_visitor(sums))
    totals = by_visitor.selectExpr(
        "coalesce(sum(sessions), 0) AS sessions",
        "count(1) AS visitors",
        "max(largest_price) AS largest_price",
        f"coalesce(sum(CASE WHEN sessions > {max_sessions_per_visitor} THEN sessions END), 0) AS busy_sessions",
        "bit_xor(hash_xor) AS hash_xor",
        "sum(hash_sum) AS hash_sum",
        *(f"coalesce(sum({name}), 0) AS {name}" for name in (*_SUMMED, *sums)),
    ).first()
    numbers: dict[str, Any] = totals.asDict() if totals else {}
    duplicate_lines = counts["excluded"]["duplicate"]
    sessions = max(1, numbers["sessions"])
    return numbers | {
        "shared_session_share": round(numbers.pop("shared_sessions") / sessions, 6),
        "busy_visitor_share": round(numbers.pop("busy_sessions") / sessions, 6),
        "other_currency_share": _other_currency_share(counts.get("currencies", {})),
        "unusable_files": counts.get("unusable_files", 0),
        "repeated_order_share": round(counts.get("orders_repeated", 0) / max(1, counts.get("orders", 0)), 6),
        "largest_price": numbers["largest_price"] or 0.0,
        "duplicate_share": round(duplicate_lines / max(1, duplicate_lines + numbers["events"]), 6),
        "quarantined_share": counts["quarantined_share"],
        "digest": _digest(numbers["events"], numbers.pop("hash_xor"), numbers.pop("hash_sum")),
        "columns": {field.name: field.dataType.simpleString() for field in events.schema.fields},
    }


def _digest(*parts: int | None) -> str:
    """Return a digest of a day's events: of their number and of two combinations of their hashes."""
    return hashlib.sha256(":".join(map(str, parts)).encode()).hexdigest()[:32]


def _per_session(sums: dict[str, str], columns: list[str]) -> list[Any]:
    from pyspark.sql.functions import expr

    values = ", ".join(f"`{name}`" for name in sorted(columns))
    first = {
        "visitor": "min(visitor)",
        "last_visitor": "max(visitor)",
        "bought": "max(CASE WHEN kind = 'purchase' THEN 1 ELSE 0 END)",
        "events": "count(1)",
        "largest_price": "max(price)",
        "duplicates": f"CASE WHEN {_IS_NUMBERED} THEN 0 ELSE count(1) END",
        "hash_xor": f"bit_xor(xxhash64({values}))",
        "hash_sum": f"sum(CAST(hash({values}) AS BIGINT))",
    }
    return [expr(sql).alias(name) for name, sql in (first | {n: f"count_if({c})" for n, c in sums.items()}).items()]


def _per_visitor(sums: dict[str, str]) -> list[Any]:
    from pyspark.sql.functions import expr

    numbers = {
        "sessions": "count(1)",
        "buyers": "sum(bought)",
        "shared_sessions": "count_if(visitor <> last_visitor)",
        "events": "sum(events)",
        "largest_price": "max(largest_price)",
        "duplicates": "sum(duplicates)",
        "hash_xor": "bit_xor(hash_xor)",
        "hash_sum": "sum(hash_sum)",
    }
    return [expr(sql).alias(name) for name, sql in (numbers | {n: f"sum({n})" for n in sums}).items()]


def _other_currency_share(currencies: dict[str, int]) -> float:
    total = sum(currencies.values())
    return round(1 - max(currencies.values()) / total, 6) if total else 0.0


def _sums(day: str, detect_numbers: bool) -> dict[str, str]:
    """Return the condition on an event per statistic that counts events."""
    midnight = f"TIMESTAMP '{day} 00:00:00'"
    return {
        **{f"kind_{kind}": f"kind = '{kind}'" for kind in KINDS},
        **{f"null_{name}": f"{name} IS NULL" for name in REQUIRED},
        "negative_prices": "price < 0",
        "bad_quantities": "quantity < 0",
        "unknown_kinds": f"kind NOT IN {KINDS}",
        "out_of_order": "ts > collector_ts + INTERVAL 15 MINUTES",
        "before_day": f"ts < {midnight}",
        "after_tail": f"ts >= {midnight} + INTERVAL 2 DAYS",
        "bad_pseudonyms": " OR ".join(
            f"coalesce(octet_length(unhex({c})) <> 32, true)" for c in ("session", "visitor")
        ),
        "personal_values": personal_data_sql(_PLAIN, detect_numbers),
    }
