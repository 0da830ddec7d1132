"""The statistics of a day's clean events: tasks compute them on the way, and Spark adds them up."""

import struct
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from leapline.events.cleaner.stages import Cleaner

VISITOR, NAME, SUM, HASH, PRICE = range(5)
"""What an entry of a task's profile is about; see `include/cleaner/internal/stages/tables.go`."""


@dataclass(frozen=True)
class DayProfile:
    """The statistics of a day.

    Args:
        statistics: name -> number: `events`, `sessions`, `visitors`, `buyers` (sessions with a purchase),
            `shared_sessions` (of several visitors), `busy_sessions` (of visitors with more sessions than allowed),
            `duplicates`, `kind_*`, `null_*`, others of `profile.go`, `largest_price`, `hash_xor` and `hash_sum`.
        names: `name, sessions, order_sessions, near_order`: the sessions of unmapped pages and events; the row with an
            empty name has those with an order.
    """

    statistics: dict[str, Any]
    names: pa.Table


def day_profile(cleaner: Cleaner, kept: DataFrame, max_sessions_per_visitor: int) -> DayProfile:
    """Return the statistics of the events among kept rows.

    Args:
        cleaner: the stages, without the events of repeated orders.
        kept: blocks of rows.
        max_sessions_per_visitor: a visitor with more sessions counts as busy.
    """
    entries = cleaner.profile(kept)
    # Hashes are not added, and would exceed 64 bits.
    sums = [F.try_sum(name).alias(name) for name in ("a", "b", "c")]
    more = [F.expr("bit_xor(a)").alias("xor"), F.max("a").alias("largest")]
    totals = entries.groupBy("entry", "key").agg(*sums, *more).persist()
    try:
        busy = F.when(F.col("a") > max_sessions_per_visitor, F.col("a"))
        visitors = totals.where(F.col("entry") == VISITOR).agg(F.count("*"), F.coalesce(F.sum(busy), F.lit(0))).first()
        rows = totals.where(F.col("entry") > NAME).collect()
        names = totals.where(F.col("entry") == NAME).select(F.col("key").cast("string"), "a", "b", "c").toArrow()
    finally:
        totals.unpersist()
    statistics = {bytes(row["key"]).decode(): _value(row) for row in rows}
    if visitors:
        statistics |= {"visitors": visitors[0], "busy_sessions": visitors[1]}
    return DayProfile(statistics, names.rename_columns(["name", "sessions", "order_sessions", "near_order"]))


def _value(row: Any) -> Any:
    if row["entry"] == PRICE:
        return struct.unpack("<d", struct.pack("<q", row["largest"]))[0]
    return row["xor"] if row["entry"] == HASH else row["a"]
