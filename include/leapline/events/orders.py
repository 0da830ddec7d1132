"""Orders: each is counted once, in the session where it first appears.

A reloaded confirmation page sends the order again, often in a later session or on a later day, which must not make a
second buyer. An order that the shop's server sends has a visitor but no session; it belongs to the visitor's session at
that time. Both are rare. Where a day has neither, its events are not touched.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from leapline.events.reasons import WITHOUT_SESSION

AFTER_SESSION: Final = "INTERVAL 30 MINUTES"
"""Maximum time from a session's last event to its orders: the time-out of Snowplow's sessions."""

SCHEMA: Final = "`order` string, ts timestamp, day date, counted_on date"
"""The columns of a day's orders, one row per order:

    order: HMAC-SHA-256 pseudonym, 64 hexadecimal digits.
    ts: its first appearance on the day.
    day: the data day.
    counted_on: the day whose events contain it: the data day, or an earlier day that it repeats.
"""


FORMER_ORDER: Final = "former_order"
"""The order's pseudonym under the former key, 32 bytes; only while one counts."""


@dataclass(frozen=True)
class EarlierOrders:
    """The orders that earlier days have counted.

    Args:
        orders: columns of `SCHEMA`; None if no earlier day's orders are known.
        days: the number of earlier days whose orders are known.
    """

    orders: DataFrame | None = None
    days: int = 0


EarlierOrdersReader = Callable[[SparkSession], EarlierOrders]
"""Reads the orders of earlier days; called after the day's own lines are read, so that it may wait for these days."""


def no_earlier_orders(_: SparkSession) -> EarlierOrders:
    """Return no orders, so that orders are compared within the day only."""
    return EarlierOrders()


@dataclass(frozen=True)
class Orders:
    """A day's events with each order in its place.

    Args:
        events: the rows of events.
        table: the day's orders, columns of `SCHEMA`, sorted by order.
        counts: `orders_placed` (orders without a session that were assigned to one), `orders` (each once per session in
            which it appears), `orders_repeated` (those of them that another session or an earlier day has counted), and
            `order_days` (the number of earlier days whose orders were known).
        corrections: rows to add to those of `reconciliation.group_kept`, for the lines that changed their place.
    """

    events: DataFrame
    table: DataFrame
    counts: dict[str, int]
    corrections: list[dict[str, Any]]


@contextmanager
def place_orders(
    kept: DataFrame, groups: Iterable[Any], partitions: int, day: date, earlier: EarlierOrders
) -> Iterator[Orders]:
    """Assign orders without a session, and drop repeated orders. The result can be read until the block ends.

    Args:
        kept: the day's kept rows, persisted.
        groups: rows of `reconciliation.group_kept`.
        partitions: partitions of the result.
        day: the data day.
        earlier: the orders of earlier days.
    """
    corrections: list[dict[str, Any]] = []
    events, placed = kept.where("reason IS NULL"), 0
    if any(group["reason"] == WITHOUT_SESSION for group in groups):
        events, placed, corrections = _with_placed(kept, events, partitions)
    lines = _order_lines(events, earlier).persist()
    try:
        counts = _order_counts(lines)
        if counts.pop("repeated_lines"):
            repeated = F.broadcast(lines.where("repeated").select(F.col("event_id").alias("repeated_id")).distinct())
            is_repeated = _tracker_id() == F.col("repeated_id")
            for row in _counted(events.join(repeated, is_repeated, "left_semi")):
                corrections += _moved(row, None, "repeated_order")
            events = events.join(repeated, is_repeated, "left_anti")
        counts |= {"orders_placed": placed, "order_days": earlier.days}
        yield Orders(events, _table(lines, day), counts, corrections)
    finally:
        lines.unpersist()


def _with_placed(kept: DataFrame, events: DataFrame, partitions: int) -> tuple[DataFrame, int, list[dict[str, Any]]]:
    """Return the events with the orders that were assigned to a session, their number, and the corrections."""
    corrections: list[dict[str, Any]] = []
    assigned = _assigned(kept, events)
    recovered = _counted(assigned, _tracker_id())
    ids = {row["event_id"] for row in recovered}
    for row in _counted(kept.where(F.col("reason") == WITHOUT_SESSION), _tracker_id()):
        corrections += _moved(row, WITHOUT_SESSION, "duplicate" if row["event_id"] in ids else "no_session")
    for row in recovered:
        corrections += _moved(row, "duplicate", None)
    if recovered:
        union = events.unionByName(assigned)
        events = union.repartition(partitions, "session").sortWithinPartitions("session", "ts", "event_id")
    return events, len(recovered), corrections


def _assigned(kept: DataFrame, events: DataFrame) -> DataFrame:
    """Return the rows of orders without a session that fall into one of their visitor's sessions, as its events."""
    spans = events.groupBy("visitor", "session").agg(F.min("ts").alias("first_ts"), F.max("ts").alias("last_ts"))
    earliest = Window.partitionBy("event_id").orderBy("collector_ts", "line_hash")
    orders = kept.where(F.col("reason") == WITHOUT_SESSION).withColumn("arrival", F.row_number().over(earliest))
    orders = orders.where("arrival = 1").drop("arrival")
    within = F.expr(f"ts BETWEEN first_ts AND last_ts + {AFTER_SESSION}")
    candidates = orders.select("event_id", "visitor", "ts").join(spans, "visitor").where(within)
    latest = candidates.groupBy("event_id").agg(F.max_by("session", "first_ts").alias("placed"))
    columns = {"session": F.col("placed"), "reason": F.lit(None).cast("string")}
    return orders.join(latest, "event_id").withColumns(columns).select(*kept.columns)


def _order_lines(events: DataFrame, earlier: EarlierOrders) -> DataFrame:
    """Return the purchases and items of the day's orders.

    Returns:
        `event_id`, `order` (hexadecimal), `kind`, `session`, `ts`, `first_session` (where the order first appears),
        `counted_on` (the earlier day that has counted it, or null), and `repeated`: whether the line is a purchase
        whose order was seen before, or an item of an order that was seen in another session or on an earlier day.
    """
    rank = F.when(F.col("kind") == "purchase", 0).otherwise(1)
    of_order = Window.partitionBy("order").orderBy(rank, "ts", "event_id")
    former = [F.lower(F.hex(FORMER_ORDER)).alias(FORMER_ORDER)] if FORMER_ORDER in events.columns else []
    lines = events.where("nth = 0 AND `order` IS NOT NULL AND kind IN ('purchase', 'purchase_item')").select(
        *former, "event_id", F.lower(F.hex("order")).alias("order"), "kind", "session", "ts",
        F.row_number().over(of_order).alias("place"),
        F.first("kind").over(of_order).alias("first_kind"),
        F.first("session").over(of_order).alias("first_session"),
    )  # fmt: skip
    if earlier.orders is None:
        lines = lines.withColumn("counted_on", F.lit(None).cast("date"))
    else:
        counted = earlier.orders.where("day = counted_on").groupBy("order").agg(F.min("day").alias("counted_on"))
        lines = lines.join(counted, "order", "left")
        if former:  # Earlier days may still be under the former key.
            before = counted.toDF(FORMER_ORDER, "counted_before")
            lines = lines.join(before, FORMER_ORDER, "left")
            lines = lines.withColumn("counted_on", F.least("counted_on", "counted_before")).drop("counted_before")
    again = F.expr("kind = 'purchase' AND place > 1")
    elsewhere = F.expr("kind = 'purchase_item' AND first_kind = 'purchase' AND session <> first_session")
    repeated = F.col("counted_on").isNotNull() | again | elsewhere
    return lines.withColumn("repeated", repeated).drop("place", "first_kind")


def _order_counts(lines: DataFrame) -> dict[str, int]:
    """Return `orders` and `orders_repeated` as in `Orders`, and `repeated_lines`."""
    repeated = "counted_on IS NOT NULL OR session <> first_session"
    row = lines.selectExpr(
        "count(DISTINCT `order`, session) FILTER (WHERE kind = 'purchase') AS orders",
        f"count(DISTINCT `order`, session) FILTER (WHERE kind = 'purchase' AND ({repeated})) AS orders_repeated",
        "count_if(repeated) AS repeated_lines",
    ).first()
    return row.asDict() if row else {}


def _table(lines: DataFrame, day: date) -> DataFrame:
    """Return one row per order that has a purchase, in one partition, sorted."""
    orders = lines.where("kind = 'purchase'").groupBy("order").agg(F.min("ts").alias("ts"), F.min("counted_on"))
    columns = ("order", "ts", F.lit(day).alias("day"), F.coalesce("min(counted_on)", F.lit(day)).alias("counted_on"))
    return orders.select(*columns).repartition(1).sortWithinPartitions("order")


def _tracker_id() -> Column:
    """Return the tracker's event id, which all rows of one event share."""
    return F.substring_index("event_id", ":", 1)


def _counted(rows: DataFrame, *keys: Column) -> list[Any]:
    """Count rows as `reconciliation.group_kept` counts them, and by further keys."""
    first = F.col("nth") == 0
    return (
        rows.groupBy(*(key.alias("event_id") for key in keys), "slice", "width", "currency")
        .agg(
            F.count("*").alias("rows"),
            F.count(F.when(first, 1)).alias("lines"),
            F.sum(F.when(first, F.col("line_bytes").cast("long"))).alias("bytes"),
            F.count(F.when(first & F.col("after_tail"), 1)).alias("late"),
            F.count(F.when(first & F.col("price").isNotNull(), 1)).alias("priced"),
        )
        .collect()
    )


def _moved(row: Any, source: str | None, target: str | None) -> list[dict[str, Any]]:
    """Return the corrections for an event's lines that moved from one reason to another; None stands for events."""
    counts = {name: row[name] for name in ("rows", "lines", "bytes", "late", "priced")}
    place = {name: row[name] for name in ("slice", "width", "currency")}
    return [
        place | {"reason": source} | {name: -value for name, value in counts.items()},
        place | {"reason": target} | counts,
    ]
