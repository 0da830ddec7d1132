"""The statistics of a day's events that the data check uses: one pass of Spark over the events, one over their ids.

Great Expectations validates this small table, never the events: its own passes over them would double the run time.
"""

from typing import TYPE_CHECKING, Any

from leapline.events.schema import KINDS, looks_personal

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

REQUIRED = ("event_id", "session", "visitor", "ts", "collector_ts", "kind")
TEXTS = ("page", "item", "category", "device", "referrer")
# Two hashes, 96 bits: the probability that any two of a billion ids share both is about 1e-11.
_IDENTITY = "xxhash64(event_id), hash(event_id)"


def profile(events: "DataFrame", counts: dict[str, Any]) -> dict[str, Any]:
    """Profile one cleaned day.

    Args:
        events: clean events.
        counts: the balance of the day's lines, from cleaning: `day`, `lines`, `quarantined_share`, `excluded`.

    Returns:
        Plain numbers by name: `events`, `sessions`, `visitors` (estimated to about 1 %), `buyers`, `kind_*`, `null_*`,
        `duplicates`, `negative_prices`, `largest_price`, `bad_quantities`, `out_of_order`, `before_day`, `after_tail`,
        `bad_pseudonyms`, `personal_values`, `duplicate_share`, `quarantined_share`; and `columns`, name to type.
    """
    sums = _sums(str(counts["day"]))
    by_session = events.groupBy("session").agg(*_per_session(sums))
    totals = by_session.selectExpr(
        "count(1) AS sessions",
        "approx_count_distinct(visitor, 0.01) AS visitors",
        "coalesce(sum(bought), 0) AS buyers",
        "coalesce(sum(events), 0) AS events",
        "max(largest_price) AS largest_price",
        *(f"coalesce(sum({name}), 0) AS {name}" for name in sums),
    ).first()
    numbers: dict[str, Any] = totals.asDict() if totals else {}
    # A separate query: together with the sums, Spark would keep all of them for each id.
    ids = events.selectExpr(f"count(DISTINCT {_IDENTITY}) AS ids").first()
    numbers["duplicates"] = numbers["events"] - (ids["ids"] if ids else 0)
    duplicate_lines = counts["excluded"]["duplicate"]
    return numbers | {
        "largest_price": numbers["largest_price"] or 0.0,
        "duplicate_share": round(duplicate_lines / max(1, duplicate_lines + numbers["events"]), 6),
        "quarantined_share": counts["quarantined_share"],
        "columns": {field.name: field.dataType.simpleString() for field in events.schema.fields},
    }


def _per_session(sums: dict[str, str]) -> list[Any]:
    from pyspark.sql.functions import expr

    first = {
        "visitor": "min(visitor)",
        "bought": "max(CASE WHEN kind = 'purchase' THEN 1 ELSE 0 END)",
        "events": "count(1)",
        "largest_price": "max(price)",
    }
    return [expr(sql).alias(name) for name, sql in (first | {n: f"count_if({c})" for n, c in sums.items()}).items()]


def _sums(day: str) -> dict[str, str]:
    """Return the condition on an event per statistic that counts events."""
    texts = f"concat_ws(' ', {', '.join(TEXTS)})"
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
        "personal_values": looks_personal(texts),
    }
