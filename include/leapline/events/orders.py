"""Orders: each is counted once, in the session where it first appears.

A reloaded confirmation page sends the order again, often in a later session, which must not make a second buyer. An
order that the shop's server sends has a visitor but no session; it belongs to the visitor's session at that time.
Both are rare. Where a day has neither, its events are not touched.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from leapline.events.reasons import WITHOUT_SESSION

AFTER_SESSION: Final = "INTERVAL 30 MINUTES"
"""Maximum time from a session's last event to its orders: the time-out of Snowplow's sessions."""


@dataclass(frozen=True)
class Orders:
    """A day's events with each order in its place.

    Args:
        events: the rows of events.
        placed: orders without a session that were assigned to one.
        corrections: rows to add to those of `reconciliation.group_kept`, for the lines that changed their place.
    """

    events: DataFrame
    placed: int
    corrections: list[dict[str, Any]]


def place_orders(kept: DataFrame, groups: Iterable[Any], partitions: int) -> Orders:
    """Assign orders without a session, and drop repeated orders.

    Args:
        kept: the day's kept rows, persisted.
        groups: rows of `reconciliation.group_kept`.
        partitions: partitions of the result.
    """
    events, placed, corrections = kept.where("reason IS NULL"), 0, []
    if any(group["reason"] == WITHOUT_SESSION for group in groups):
        assigned = _assigned(kept, events)
        recovered = _counted(assigned)
        ids, placed = {row["event_id"] for row in recovered}, len(recovered)
        for row in _counted(kept.where(F.col("reason") == WITHOUT_SESSION)):
            corrections += _moved(row, WITHOUT_SESSION, "duplicate" if row["event_id"] in ids else "no_session")
        for row in recovered:
            corrections += _moved(row, "duplicate", None)
        if placed:
            union = events.unionByName(assigned)
            events = union.repartition(partitions, "session").sortWithinPartitions("session", "ts", "event_id")
    repeated = [(row["event_id"],) for row in _repeated(events).collect()]
    if repeated:
        ids_frame = F.broadcast(events.sparkSession.createDataFrame(repeated, "repeated string"))
        is_repeated = F.substring_index("event_id", ":", 1) == F.col("repeated")
        for row in _counted(events.join(ids_frame, is_repeated, "left_semi")):
            corrections += _moved(row, None, "repeated_order")
        events = events.join(ids_frame, is_repeated, "left_anti")
    return Orders(events, placed, corrections)


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


def _repeated(events: DataFrame) -> DataFrame:
    """Return the purchases whose order was seen before, and the items that are repeated in another session."""
    rank = F.when(F.col("kind") == "purchase", 0).otherwise(1)
    of_order = Window.partitionBy("order").orderBy(rank, "ts", "event_id")
    ordered = events.where("nth = 0 AND `order` IS NOT NULL AND kind IN ('purchase', 'purchase_item')").withColumns(
        {
            "place": F.row_number().over(of_order),
            "first_kind": F.first("kind").over(of_order),
            "first_session": F.first("session").over(of_order),
        }
    )
    again = F.expr("kind = 'purchase' AND place > 1")
    elsewhere = F.expr("kind = 'purchase_item' AND first_kind = 'purchase' AND session <> first_session")
    return ordered.where(again | elsewhere).select("event_id").distinct()


def _counted(rows: DataFrame) -> list[Any]:
    """Count rows per event, as `reconciliation.group_kept` counts them."""
    first = F.col("nth") == 0
    return (
        rows.groupBy(F.substring_index("event_id", ":", 1).alias("event_id"), "slice", "width", "currency")
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
