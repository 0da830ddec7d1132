"""Orders: each is counted once, in the session where it first appears.

A reloaded confirmation page sends the order again, often in a later session or on a later day, which must not make a
second buyer. An order that the shop's server sends has a visitor but no session; it belongs to the visitor's session at
that time. Both are rare. Where a day has neither, its events are not touched.
"""

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from leapline.events.cleaner.options import placed_key
from leapline.events.cleaner.stages import Cleaner
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
        kept: blocks of kept rows; the events among them are the day's, except those that `cleaner` drops.
        cleaner: the stages, without the events of repeated orders.
        table: the day's orders, columns of `SCHEMA`, sorted by order.
        counts: `orders_placed` (orders without a session that were assigned to one), `orders` (each once per session in
            which it appears), `orders_repeated` (those of them that another session or an earlier day has counted), and
            `order_days` (the number of earlier days whose orders were known).
        corrections: rows to add to `Counts.groups`, for the lines that changed their place.
    """

    kept: DataFrame
    cleaner: Cleaner
    table: DataFrame
    counts: dict[str, int]
    corrections: list[dict[str, Any]]


@contextmanager
def place_orders(
    cleaner: Cleaner, kept: DataFrame, groups: Iterable[Any], day: date, earlier: EarlierOrders
) -> Iterator[Orders]:
    """Assign orders without a session, and drop repeated orders. The result can be read until the block ends.

    Args:
        cleaner: the stages.
        kept: blocks of kept rows, persisted.
        groups: `Counts.groups`.
        day: the data day.
        earlier: the orders of earlier days.
    """
    corrections: list[dict[str, Any]] = []
    persisted, placed = kept, 0
    if any(group["reason"] == WITHOUT_SESSION for group in groups):
        kept, placed, corrections = _with_placed(cleaner, kept)
    events = cleaner.orders(kept)
    if not cleaner.options["former_key"]:
        events = events.drop(FORMER_ORDER)
    lines = _order_lines(events, earlier).persist()
    try:
        counts = _order_counts(lines)
        if counts.pop("repeated_lines"):
            repeated = [row["event_id"] for row in lines.where("repeated").select("event_id").distinct().collect()]
            for row in _counted(events.where(_tracker_id().isin(repeated))):
                corrections += _moved(row, None, "repeated_order")
            cleaner = cleaner.without(repeated)
        counts |= {"orders_placed": placed, "order_days": earlier.days}
        yield Orders(kept, cleaner, _table(lines, day), counts, corrections)
    finally:
        lines.unpersist()
        if kept is not persisted:
            kept.unpersist()


def _with_placed(cleaner: Cleaner, kept: DataFrame) -> tuple[DataFrame, int, list[dict[str, Any]]]:
    """Return the kept rows with the orders that were assigned to a session, their number, and the corrections."""
    corrections: list[dict[str, Any]] = []
    orders = cleaner.without_session(kept).persist()
    try:
        places = {row["event_id"]: row for row in _places(orders, cleaner.spans(kept)).collect()}
        for row in _counted(orders, _tracker_id()):
            corrections += _moved(row, WITHOUT_SESSION, "duplicate" if row["event_id"] in places else "no_session")
        if not places:
            return kept, 0, corrections
        is_placed = F.concat(_tracker_id(), F.lit(" "), F.col("line_hash")).isin([*map(_key, places.values())])
        for row in _counted(orders.where(is_placed), _tracker_id()):
            corrections += _moved(row, "duplicate", None)
    finally:
        orders.unpersist()
    sessions = {_key(row): b64encode(row["placed"]).decode() for row in places.values()}
    return cleaner.placed(kept, sessions).persist(StorageLevel.DISK_ONLY), len(places), corrections


def _key(row: Any) -> str:
    return placed_key(row["event_id"], row["line_hash"])


def _places(orders: DataFrame, spans: DataFrame) -> DataFrame:
    """Return `event_id`, `line_hash` and `placed`, for orders that fall into a session of their visitor.

    Of two copies of an order the earliest arrival counts.
    """
    earliest = Window.partitionBy("event_id").orderBy("collector_ts", "line_hash")
    first = orders.where("nth = 0").withColumn("arrival", F.row_number().over(earliest)).where("arrival = 1")
    within = F.expr(f"ts BETWEEN first_ts AND last_ts + {AFTER_SESSION}")
    candidates = first.select("event_id", "line_hash", "visitor", "ts").join(spans, "visitor").where(within)
    return candidates.groupBy("event_id", "line_hash").agg(F.max_by("session", "first_ts").alias("placed"))


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
    """Count rows as `Counts.groups` counts them, and by further keys."""
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
