"""From single events to a day's sessions: duplicates, the day a session belongs to, sessions without end."""

from datetime import timedelta
from typing import Final

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from leapline.events.lines import AFTER, BEFORE, REST, in_its_night

MAX_SESSION: Final = timedelta(hours=24)
"""What goes on for longer is no visit."""

_SO_FAR: Final = (Window.unboundedPreceding, Window.currentRow)


def without_duplicates(events: DataFrame, partitions: int) -> DataFrame:
    """Mark events whose id came before: `duplicate` with the same fingerprint, else `conflict`; one shuffle, by id.

    The earliest arrival stays. Where two arrived at the same instant the hash of the line decides, so that every
    order of the input gives the same result. Lines already set aside pass unchanged.
    """
    fresh = F.col("reason").isNull()
    keyed = events.withColumn("key", F.when(fresh, F.col("event_id")).otherwise(F.col("line_hash")))
    same_id = Window.partitionBy("key").orderBy("collector_ts", "line_hash").rowsBetween(*_SO_FAR)
    print_ = F.coalesce("event_fingerprint", F.lit(""))
    again = keyed.repartition(partitions, "key").withColumns(
        {"nth": F.row_number().over(same_id), "first_print": F.first(print_).over(same_id)}
    )
    repeats = F.when(print_ == F.col("first_print"), F.lit("duplicate")).otherwise("conflict")
    found = F.when(fresh & (F.col("nth") > 1), in_its_night(repeats))
    return again.withColumn("reason", F.coalesce("reason", found)).drop(
        "key", "nth", "first_print", "event_fingerprint"
    )


def in_sessions(events: DataFrame, max_events: int, partitions: int) -> DataFrame:
    """Mark what belongs to sessions of other days and what is beyond a session's bounds; one shuffle, by session.

    A session belongs to the day of its first event. Its tail is followed to the end of the look-ahead; what comes
    later, or more than a day after the session's start, or after its `max_events` events, is `endless`. Of a session
    that began the day before this night sees the end: its tail beyond that day's look-ahead is `endless` here, since
    no other night would count it.

    Returns:
        The events, sorted by session, time and event id within each of `partitions` partitions.
    """
    fresh = F.col("reason").isNull()
    keyed = events.withColumn("session", F.when(fresh, F.col("session")).otherwise(F.unhex("line_hash")))
    before = Window.partitionBy("session").orderBy("ts", "event_id").rowsBetween(*_SO_FAR)
    begun = keyed.repartition(partitions, "session").withColumns(
        {
            "start": F.min(F.when(fresh, F.col("ts"))).over(before),
            "start_part": F.min(F.when(fresh, F.col("part"))).over(before),
            "nth": F.count(F.when(fresh, 1)).over(before),
        }
    )
    found = F.when(fresh, _out_of_bounds(max_events))
    return begun.withColumn("reason", F.coalesce("reason", found)).drop("start", "start_part", "nth", "part")


def _out_of_bounds(max_events: int) -> Column:
    began = F.col("start_part")
    too_long = F.col("ts") >= F.col("start") + F.expr(f"INTERVAL {MAX_SESSION // timedelta(hours=1)} HOUR")
    return (
        F.when((began == BEFORE) & (F.col("part") == REST), F.lit("endless"))
        .when(began.isin(BEFORE, AFTER), F.lit("other_day"))
        .when((F.col("nth") > max_events) | too_long, F.lit("endless"))
    )
