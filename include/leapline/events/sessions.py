"""From single events to a day's sessions: duplicates, the day of a session, endless sessions, numbers of events."""

from datetime import timedelta
from typing import Final

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from leapline.events.lines import AFTER, BEFORE, REST, on_the_day

MAX_SESSION: Final = timedelta(hours=24)
"""Maximum duration of a session; a longer one is not a single visit."""

ID_DIGITS: Final = 7
"""Digits of an event's number: far more than a session may have events."""

_SO_FAR: Final = (Window.unboundedPreceding, Window.currentRow)


def mark_duplicates(events: DataFrame, partitions: int) -> DataFrame:
    """Mark repeated event ids: `duplicate` with the same fingerprint, else `conflict`; one shuffle, by id.

    The earliest arrival is kept. Of two that arrived at the same instant the hash of the line decides, so that the
    result does not depend on the order of the input. Lines that already have a reason pass unchanged.
    """
    fresh = F.col("reason").isNull()
    keyed = events.withColumn("key", F.when(fresh, F.col("event_id")).otherwise(F.col("line_hash")))
    same_id = Window.partitionBy("key").orderBy("collector_ts", "line_hash").rowsBetween(*_SO_FAR)
    fingerprint = F.coalesce("event_fingerprint", F.lit(""))
    numbered = keyed.repartition(partitions, "key").withColumns(
        {"nth": F.row_number().over(same_id), "first_fingerprint": F.first(fingerprint).over(same_id)}
    )
    repeated = F.when(fingerprint == F.col("first_fingerprint"), F.lit("duplicate")).otherwise("conflict")
    reason = F.when(fresh & (F.col("nth") > 1), on_the_day(repeated))
    return numbered.withColumn("reason", F.coalesce("reason", reason)).drop(
        "key", "nth", "first_fingerprint", "event_fingerprint"
    )


def mark_out_of_session(events: DataFrame, max_events: int, partitions: int) -> DataFrame:
    """Mark events in sessions of other days and events that exceed a session's limits; one shuffle, by session.

    A session belongs to the day of its first event. Its tail is followed to the end of the look-ahead; events after
    that, or more than a day after the session's start, or after its first `max_events` events, are `endless`. This
    day's window also contains the end of sessions that began on the day before: their tail beyond that day's
    look-ahead is `endless` here, because no other run would count it.

    Returns:
        The events, sorted by session, time and event id within each of `partitions` partitions.
    """
    fresh = F.col("reason").isNull()
    keyed = events.withColumn("session", F.when(fresh, F.col("session")).otherwise(F.unhex("line_hash")))
    so_far = Window.partitionBy("session").orderBy("ts", "event_id").rowsBetween(*_SO_FAR)
    begun = keyed.repartition(partitions, "session").withColumns(
        {
            "start": F.min(F.when(fresh, F.col("ts"))).over(so_far),
            "start_part": F.min(F.when(fresh, F.col("part"))).over(so_far),
            "nth": F.count(F.when(fresh, 1)).over(so_far),
        }
    )
    reason = F.when(fresh, _out_of_session(max_events))
    return begun.withColumn("reason", F.coalesce("reason", reason)).drop("start", "start_part", "nth", "part")


def _out_of_session(max_events: int) -> Column:
    start_part = F.col("start_part")
    too_long = F.col("ts") >= F.col("start") + F.expr(f"INTERVAL {MAX_SESSION // timedelta(hours=1)} HOUR")
    return (
        F.when((start_part == BEFORE) & (F.col("part") == REST), F.lit("endless"))
        .when(start_part.isin(BEFORE, AFTER), F.lit("other_day"))
        .when((F.col("nth") > max_events) | too_long, F.lit("endless"))
    )


def with_event_numbers(events: DataFrame) -> DataFrame:
    """Replace the tracker's event ids by the events' numbers in their sessions.

    A tracker's id names one line of the source, and so the visitor. The numbers keep the order of the ids, in which
    the scorer sorts events of the same time.

    Args:
        events: rows with `session`, `ts`, `event_id`; a session is in one partition.

    Returns:
        The rows, sorted by session, ts, event_id within each partition.
    """
    number = F.row_number().over(Window.partitionBy("session").orderBy("ts", "event_id"))
    return events.withColumn("event_id", F.lpad(number.cast("string"), ID_DIGITS, "0"))
