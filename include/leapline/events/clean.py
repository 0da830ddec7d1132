"""Cleaning of one data day: every line becomes an event or is dropped or quarantined with a reason, and counts add up.

    lines --damage, time, consent, robots--> kinds, pseudonyms --by event id--> duplicates --by session--> days
      |                                                                                                    |
      +-- other days, no consent, robots: counted and dropped            events | quarantine: persisted once

The lines are read once and shuffled twice; no Python runs per row.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final, Self

import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

from leapline.events import lines, mapping_sql, pseudonym, sessions
from leapline.events.constants import with_constants
from leapline.events.mapping import Mapping, load
from leapline.events.reconciliation import (
    balance,
    count_kept,
    is_kept,
    reason_counters,
    require_balance,
    require_events,
    source_counters,
)
from leapline.events.schema import SCHEMA, looks_personal
from leapline.settings import Settings
from leapline.sources.source import DayWindow, EventSource, Slice

QUARANTINE_SCHEMA: Final[dict[str, str]] = {
    "reason": "string",
    "file": "string",
    "line_hash": "string",
    "line_bytes": "int",
}
"""The columns of a quarantined line: enough to find it at the source, nothing of its content."""


@dataclass(frozen=True)
class CleanOptions:
    """How to clean; the settings of the same names document each option.

    Args:
        key: the pseudonym key, bytes.
        mapping: the site's event mapping.
        skew: how far an event may lie after its own arrival.
        max_session_events: events of one session that are kept.
        partitions: partitions of the result, and so the maximum number of files.
    """

    key: bytes = field(repr=False)
    mapping: Mapping = field(default_factory=load, repr=False)
    consent_required: bool = True
    lookahead_hours: int = 3
    days_late: int = 3
    skew: timedelta = timedelta(minutes=15)
    max_session_events: int = 5000
    partitions: int = 8

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the options of an installation.

        Raises:
            SettingsError: no pseudonym key, or a short one.
            SpecError: the event mapping is malformed.
        """
        return cls(
            key=settings.key_bytes(),
            mapping=load(settings.event_mapping),
            consent_required=settings.consent_required,
            lookahead_hours=settings.lookahead_hours,
            days_late=settings.days_late,
            max_session_events=settings.max_session_events,
            partitions=settings.spark_shuffle_partitions,
        )

    def window(self, day: date) -> DayWindow:
        """Return the day's window.

        Sessions are read from at least an hour before the day: Snowplow ends a session after 30 minutes without
        events, so every session that was active at midnight has an event in that hour.
        """
        lookahead = timedelta(hours=self.lookahead_hours)
        return DayWindow(day, max(lookahead, timedelta(hours=1)), lookahead, self.days_late)


@dataclass(frozen=True)
class CleanDay:
    """A cleaned day.

    Args:
        events: columns of `schema.SCHEMA`, sorted by session, ts, event_id in each partition.
        quarantine: columns of `QUARANTINE_SCHEMA`, one row per quarantined line.
        counts: the reconciled counts of `day`, ready for JSON: `lines = events - added + other_days + sum(excluded) +
            sum(quarantined)`, where `added` counts the rows beyond the first of events about several products. Also
            `files`, `lookahead_hours`, `late_taken` (events that arrived after the day's look-ahead) and
            `quarantined_share` (of the lines of this day).
        kept: the persisted rows from which both frames are read.
    """

    events: DataFrame
    quarantine: DataFrame
    counts: dict[str, Any]
    kept: DataFrame = field(repr=False)


@contextmanager
def cleaned_day(spark: SparkSession, source: EventSource, day: date, options: CleanOptions) -> Iterator[CleanDay]:
    """Clean one data day. The result is kept on the executors' disks until the block ends.

    Args:
        spark: the session that does the work.
        source: where the day's lines are.
        day: the data day (UTC); the sessions that start on it are kept complete.
        options: how to clean.

    Raises:
        InputError: the source is missing, or a slice is damaged or cannot be read.
        NoEventsError: nothing landed for that day, or no event is left; the error contains the reasons.
        BalanceError: the counts do not add up.
    """
    window = options.window(day)
    slices = source.list_day(window).slices
    at_source, scanned, gathered = Observation(), Observation(), Observation()
    constants = {**lines.window_constants(window), **pseudonym.padded(options.key)}
    timed = with_constants(lines.with_times(source.read(spark, slices)), constants)
    other = lines.belongs_to_other_day()
    near = timed.observe(at_source, *source_counters(other)).where(~other)
    fields = lines.split_fields(near, options.mapping)
    reasoned = lines.with_reason(fields, options.mapping, window, options.skew, options.consent_required)
    used = _with_kinds(reasoned.observe(scanned, *reason_counters()).where(is_kept()), options.mapping)
    unique = sessions.mark_duplicates(used, options.partitions)
    ordered = sessions.mark_out_of_session(unique, options.max_session_events, options.partitions)
    kept = _one_row_per_product(ordered.observe(gathered, *reason_counters()).where(is_kept()))
    counts: dict[str, Any] = {"day": day.isoformat(), "files": len(slices), "lookahead_hours": options.lookahead_hours}
    try:
        with _fixed_plan(spark):
            kept.persist(StorageLevel.DISK_ONLY)
            kept_counts = count_kept(kept)
            counts |= balance(kept_counts, at_source.get, scanned.get, gathered.get)
        require_balance(counts)
        require_events(counts)
        yield CleanDay(kept.where("reason IS NULL").select(*_clean_columns()), _quarantine(kept, slices), counts, kept)
    finally:
        kept.unpersist()


def write_day(clean: CleanDay, events: Path, quarantine: Path) -> None:
    """Write a cleaned day as Parquet into two folders; at most one file per partition, always the same rows in the
    same order.

    Raises:
        InputError: a source file was removed meanwhile.
    """
    clean.events.write.mode("overwrite").parquet(str(events))
    clean.quarantine.write.mode("overwrite").parquet(str(quarantine))


@contextmanager
def _fixed_plan(spark: SparkSession) -> Iterator[None]:
    """Plan once: adaptive execution drops the counters of stages that turn out to be empty."""
    name = "spark.sql.adaptive.enabled"
    before = spark.conf.get(name)
    spark.conf.set(name, "false")
    try:
        yield
    finally:
        spark.conf.set(name, str(before))


def _with_kinds(used: DataFrame, mapping: Mapping) -> DataFrame:
    """Add kinds and pseudonyms to the remaining lines; select the columns that go through the shuffles."""
    mapped = mapping_sql.with_kinds(used, mapping)
    personal = F.col("reason").isNull() & F.expr(looks_personal("texts"))
    reason = F.when(personal, lines.on_the_day(F.lit("personal_data"))).otherwise(F.col("reason"))
    texts = F.concat_ws(" ", "item", "category", F.to_json("more"), "dvce_type", "refr_medium")
    return mapped.withColumn("texts", texts).select(
        reason.alias("reason"),
        "slice", "line_hash", "line_bytes", "event_id", "event_fingerprint",
        pseudonym.pseudonym(F.concat_ws(":", *mapping.session)).alias("session"),
        pseudonym.pseudonym(F.concat_ws(":", *mapping.visitor)).alias("visitor"),
        "ts", "collector_ts", "part", "after_tail",
        "kind", "page", "item", "category", "price", "quantity", "more",
        F.col("dvce_type").alias("device"),
        F.col("refr_medium").alias("referrer"),
        F.col("domain_sessionidx").try_cast("int").alias("session_index"),
    )  # fmt: skip


def _one_row_per_product(events: DataFrame) -> DataFrame:
    """Expand an event about several products to one row each, `<event id>:<n>` from the second on; order is kept."""
    own = F.struct("kind", "item", "category", "price", "quantity")
    rows = F.when(F.col("reason").isNull() & F.col("more").isNotNull(), F.concat(F.array(own), "more")).otherwise(
        F.array(own)
    )
    others = [
        c for c in events.columns if c not in {"kind", "item", "category", "price", "quantity", "more", "event_id"}
    ]
    expanded = events.select("event_id", *others, F.posexplode(rows).alias("nth", "row"))
    numbered = F.when(F.col("nth") > 0, F.concat_ws(":", "event_id", "nth")).otherwise(F.col("event_id"))
    return expanded.select(numbered.alias("event_id"), *others, "nth", "row.*")


def _clean_columns() -> list[Column]:
    encoded = {"session": F.lower(F.hex("session")), "visitor": F.lower(F.hex("visitor"))}
    return [encoded.get(name, F.col(name)).cast(type_).alias(name) for name, type_ in SCHEMA.items()]


def _quarantine(kept: DataFrame, slices: tuple[Slice, ...]) -> DataFrame:
    names = pa.table({"slice": pa.array(range(len(slices)), pa.int32()), "file": [item.name for item in slices]})
    named = kept.where("reason IS NOT NULL").join(
        F.broadcast(kept.sparkSession.createDataFrame(names)), "slice", "left"
    )
    return named.select(*(F.col(name).cast(type_).alias(name) for name, type_ in QUARANTINE_SCHEMA.items()))
