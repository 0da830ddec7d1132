"""A day of clean events in a few numbers: one read of the events, the numbers as plain data.

What is expected of them stands in `expectations`; here they are only counted. Same events, same numbers.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

KINDS: Final = ("page_view", "page_ping", "item_view", "cart_add", "cart_remove", "search", "checkout", "purchase",
                "purchase_item", "other")  # fmt: skip
PAGES: Final = ("home", "category", "item", "search", "cart", "checkout", "thanks", "other")
TEXTS: Final = ("kind", "page", "item", "category", "device", "referrer")
"""Columns in which text of the source's arrives, and so where personal data might."""

ITEM_KINDS: Final = ("item_view", "cart_add", "cart_remove", "purchase_item")
_PSEUDONYM: Final = "^[0-9a-f]{64}$"
_EMAIL: Final = r"[\w.+-]+@[\w-]+\.\w"
_ADDRESS: Final = r"(^|[^\d.])(\d{1,3}\.){3}\d{1,3}([^\d.]|$)|([0-9a-fA-F]{1,4}:){4,}"
_CLOCKS: Final = timedelta(minutes=15)


def profile(events: DataFrame, counts: dict[str, Any]) -> dict[str, Any]:
    """Count a day.

    Args:
        events: clean events.
        counts: the balance of the day's cleaning.

    Returns:
        JSON-ready: `day`, `columns` (name to type), `rows`, `sessions`, `visitors`, `buyers` (sessions with a purchase),
        `kinds` (kind to rows), `null_rates` (column to share), `ts_min`, `ts_max`, the least and greatest `price` and
        `quantity` (null where there is none), `longest_session` (events), counts of what should not be
        (`outside_window`, `late_starts`, `after_arrival`, `bad_pseudonyms`, `personal_values`, `unknown_kinds`,
        `unknown_pages`), `item_missing_rate`, and from the balance `lines` (the day's own), `duplicate_rate`,
        `conflict_rate` and `quarantined_share`.
    """
    row = _totals(events, date.fromisoformat(counts["day"]), int(counts["lookahead_hours"]))
    rows, item_rows, item_missing = (row.pop(name) or 0 for name in ("rows", "item_rows", "item_missing"))
    kinds = {kind: row.pop(f"kind_{kind}") or 0 for kind in KINDS}
    nulls = {name: _share(row.pop(f"null_{name}"), rows) for name in events.columns}
    lines = counts["lines"] - counts["other_days"]
    return {
        "day": counts["day"],
        "columns": dict(events.dtypes),
        "rows": rows,
        "kinds": kinds,
        "null_rates": nulls,
        "item_missing_rate": _share(item_missing, item_rows),
        "lines": lines,
        "duplicate_rate": _share(counts["excluded"]["duplicate"], lines),
        "conflict_rate": _share(counts["quarantined"]["conflict"], lines),
        "quarantined_share": counts["quarantined_share"],
        **row,
    }


def _totals(events: DataFrame, day: date, lookahead_hours: int) -> dict[str, Any]:
    """Sums by session and then in all; sessions lie together in the files, so that little is shuffled."""
    sums = _sums(events, day, lookahead_hours)
    bounded = ("ts", "price", "quantity")
    by_session = events.groupBy("session").agg(
        *(F.sum(value.cast("long")).alias(name) for name, value in sums.items()),
        *(F.min(name).alias(f"{name}_min") for name in bounded),
        *(F.max(name).alias(f"{name}_max") for name in bounded),
        F.min("visitor").alias("visitor"),
    )
    start, end = (F.timestamp_micros(F.lit(_micros(day + timedelta(days=n)))) for n in (0, 1))
    totals = by_session.agg(
        *(F.sum(name).alias(name) for name in sums),
        *(F.min(f"{name}_min").alias(f"{name}_min") for name in bounded),
        *(F.max(f"{name}_max").alias(f"{name}_max") for name in bounded),
        F.count(F.lit(1)).alias("sessions"),
        F.count_distinct("visitor").alias("visitors"),
        F.count(F.when(F.col("kind_purchase") > 0, 1)).alias("buyers"),
        F.max("rows").alias("longest_session"),
        F.count(F.when((F.col("ts_min") < start) | (F.col("ts_min") >= end), 1)).alias("late_starts"),
    )
    texts = {name: F.unix_micros(name) for name in ("ts_min", "ts_max")}
    row = totals.withColumns(texts).collect()[0].asDict()
    return row | {name: None if row[name] is None else _iso(row[name]) for name in texts}


def _sums(events: DataFrame, day: date, lookahead_hours: int) -> dict[str, Column]:
    """What is summed over the rows, by name; each a condition or a one."""
    first, last = _micros(day), _micros(day + timedelta(days=1)) + lookahead_hours * 3_600_000_000
    ts, kind, is_item = F.unix_micros("ts"), F.col("kind"), F.col("kind").isin(*ITEM_KINDS)
    texts = F.concat_ws(" ", *(F.col(name).cast("string") for name in TEXTS if name in events.columns))
    forms = [F.coalesce(F.col(name).rlike(_PSEUDONYM), F.lit(False)) for name in ("session", "visitor")]
    return {
        "rows": F.lit(1),
        **{f"kind_{name}": kind == name for name in KINDS},
        **{f"null_{name}": F.col(name).isNull() for name in events.columns},
        "item_rows": is_item,
        "item_missing": is_item & F.col("item").isNull(),
        "outside_window": (ts < first) | (ts >= last),
        "after_arrival": ts - F.unix_micros("collector_ts") > _CLOCKS // timedelta(microseconds=1),
        "bad_pseudonyms": ~(forms[0] & forms[1]),
        "personal_values": texts.rlike(_EMAIL) | texts.rlike(_ADDRESS),
        "unknown_kinds": ~kind.isin(*KINDS),
        "unknown_pages": ~F.col("page").isin(*PAGES),
    }


def _micros(day: date) -> int:
    return round(datetime.combine(day, time(), UTC).timestamp()) * 1_000_000


def _iso(micros: int) -> str:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
    return at.isoformat(timespec="milliseconds")


def _share(part: int | None, whole: int) -> float:
    return round((part or 0) / whole, 6) if whole else 0.0
