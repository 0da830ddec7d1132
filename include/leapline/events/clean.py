"""One night's cleaning: every line of the day becomes an event, or is set aside with a reason, and the numbers add up.

    lines --what is wrong with a line?--> kinds, pseudonyms --by event id--> duplicates --by session--> days
      |                                                                                                   |
      +-- other days, no consent, robots: counted and left              events | quarantine: kept on disk once

The lines are read once and shuffled twice; nothing runs Python per row.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final, Self

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

from leapline.events import lines, mapping_sql, pseudonym, sessions
from leapline.events.constants import with_constants
from leapline.events.mapping import Mapping, load
from leapline.events.reconciliation import balance, count, passed_by, refuse_empty, refuse_unbalanced, stays, tally
from leapline.events.schema import SCHEMA, looks_personal
from leapline.settings import Settings
from leapline.sources.landing_folder import LandedFile, files_of_day, landing_name, read_lines

QUARANTINE_SCHEMA: Final[dict[str, str]] = {
    "reason": "string",
    "file": "string",
    "line_hash": "string",
    "line_bytes": "int",
}
"""What is kept of a line that was set aside: enough to find it at the source, nothing that it says."""


@dataclass(frozen=True)
class CleanOptions:
    """How to clean; the settings of the same names say what each means.

    Args:
        key: the pseudonym key, bytes.
        mapping: the site's event mapping.
        skew: how far an event may lie after its own arrival.
        max_session_events: events of one session that are kept.
        partitions: partitions of the result, and so the most files that are written.
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
        """The options that an installation's settings ask for.

        Raises:
            SettingsError: no pseudonym key, or a short one.
            SpecError: the event mapping is wrong.
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

    def night(self, day: date) -> lines.Night:
        """The times that a day's night deals with.

        Sessions are looked back at for an hour at least: Snowplow ends a session after 30 quiet minutes, so whatever
        was on at midnight shows in it.
        """
        tail = timedelta(hours=self.lookahead_hours)
        margin = max(tail, timedelta(hours=1))
        return lines.Night(day, margin, tail, timedelta(days=self.days_late) + margin, self.skew)


@dataclass(frozen=True)
class CleanDay:
    """A cleaned day.

    Args:
        events: `clean_events.SCHEMA`, sorted by session, ts, event_id in each partition.
        quarantine: `QUARANTINE_SCHEMA`, one row a line set aside.
        counts: the balance, ready for JSON, of `day`: `lines = events - added + other_days + sum(excluded) +
            sum(quarantined)`, where `added` are the rows beyond the first of events about several products. Also
            `files`, `lookahead_hours`, `late_taken` (events that arrived after the day's look-ahead) and
            `quarantined_share` (of the lines that are this day's).
        kept: what both are read from, on the executors' disks.
    """

    events: DataFrame
    quarantine: DataFrame
    counts: dict[str, Any]
    kept: DataFrame = field(repr=False)


def clean_landing(spark: SparkSession, landing: Path, day: date, options: CleanOptions) -> CleanDay:
    """`clean_day` of the files in a landing folder that can hold the day's events.

    Raises:
        InputError: the folder is missing, or a file cannot be read.
        NoEventsError: no run of that day, or no event in it.
        BalanceError: the counts do not add up.
    """
    return clean_day(spark, landed(landing, day, options), day, options)


def landed(landing: Path, day: date, options: CleanOptions) -> list[LandedFile]:
    """The files in a landing folder that can hold the day's events.

    Raises:
        InputError: the folder is missing.
        NoEventsError: no run of that day.
    """
    night = options.night(day)
    return files_of_day(landing, day, night.lookback, night.lookahead, options.days_late)


def clean_day(spark: SparkSession, files: Iterable[LandedFile], day: date, options: CleanOptions) -> CleanDay:
    """Clean one data day; runs the work and keeps the result on the executors' disks until `release`.

    Args:
        files: enriched events, tab-separated, gzip or plain.
        day: the data day (UTC); the sessions that start on it are kept whole.

    Raises:
        InputError: a file is not what its name says, or is cut short.
        NoEventsError: no event of the day is left; the error says where the lines went.
        BalanceError: the counts do not add up.
    """
    files, night = list(files), options.night(day)
    landed, scanned, gathered = Observation(), Observation(), Observation()
    dated = with_constants(
        lines.dated(read_lines(spark, files)), {**night.constants(), **pseudonym.padded(options.key)}
    )
    other = lines.of_other_nights()
    near = dated.observe(landed, *passed_by(other)).where(~other)
    fields = lines.fields_of(near, options.mapping)
    judged = lines.judged(fields, options.mapping, night, options.consent_required)
    used = _known(judged.observe(scanned, *tally()).where(stays()), options.mapping)
    unique = sessions.without_duplicates(used, options.partitions)
    ordered = sessions.in_sessions(unique, options.max_session_events, options.partitions)
    kept = _one_row_a_product(ordered.observe(gathered, *tally()).where(stays()))
    counts: dict[str, Any] = {"day": day.isoformat(), "files": len(files), "lookahead_hours": options.lookahead_hours}
    try:
        with _fixed_plan(spark):
            kept.persist(StorageLevel.DISK_ONLY)
            found = count(kept)
            counts |= balance(found, landed.get, scanned.get, gathered.get)
        refuse_unbalanced(counts)
        refuse_empty(counts)
    except BaseException:
        kept.unpersist()
        raise
    return CleanDay(kept.where("reason IS NULL").select(*_clean_columns()), _quarantine(kept), counts, kept)


def release(clean: CleanDay) -> None:
    """Free the disk that a cleaned day takes on the executors; its events can no longer be read."""
    clean.kept.unpersist()


def write_day(clean: CleanDay, events: Path, quarantine: Path) -> None:
    """Write a cleaned day as parquet into two folders; at most one file a partition, the same rows in the same order
    every time.

    Raises:
        InputError: a source file vanished meanwhile.
    """
    clean.events.write.mode("overwrite").parquet(str(events))
    clean.quarantine.write.mode("overwrite").parquet(str(quarantine))


@contextmanager
def _fixed_plan(spark: SparkSession) -> Iterator[None]:
    """Plan once: a plan that is adapted underway drops the counters of the stages that it finds empty."""
    name = "spark.sql.adaptive.enabled"
    before = spark.conf.get(name)
    spark.conf.set(name, "false")
    try:
        yield
    finally:
        spark.conf.set(name, str(before))


def _known(used: DataFrame, site: Mapping) -> DataFrame:
    """Kinds and pseudonyms for the lines that are still in; the columns that go through the shuffles."""
    found = mapping_sql.with_kinds(used, site)
    personal = F.col("reason").isNull() & F.expr(looks_personal("texts"))
    reason = F.when(personal, lines.in_its_night(F.lit("personal_data"))).otherwise(F.col("reason"))
    texts = F.concat_ws(" ", "item", "category", F.to_json("more"), "dvce_type", "refr_medium")
    return found.withColumn("texts", texts).select(
        reason.alias("reason"),
        "file", "line_hash", "line_bytes", "event_id", "event_fingerprint",
        pseudonym.pseudonym(F.concat_ws(":", *site.session)).alias("session"),
        pseudonym.pseudonym(F.concat_ws(":", *site.visitor)).alias("visitor"),
        "ts", "collector_ts", "part", "after_tail",
        "kind", "page", "item", "category", "price", "quantity", "more",
        F.col("dvce_type").alias("device"),
        F.col("refr_medium").alias("referrer"),
        F.col("domain_sessionidx").try_cast("int").alias("session_index"),
    )  # fmt: skip


def _one_row_a_product(events: DataFrame) -> DataFrame:
    """An event about several products becomes one row each, `<event id>:<n>` from the second on; kept in order."""
    own = F.struct("kind", "item", "category", "price", "quantity")
    rows = F.when(F.col("reason").isNull() & F.col("more").isNotNull(), F.concat(F.array(own), "more")).otherwise(
        F.array(own)
    )
    others = [
        c for c in events.columns if c not in {"kind", "item", "category", "price", "quantity", "more", "event_id"}
    ]
    opened = events.select("event_id", *others, F.posexplode(rows).alias("nth", "row"))
    numbered = F.when(F.col("nth") > 0, F.concat_ws(":", "event_id", "nth")).otherwise(F.col("event_id"))
    return opened.select(numbered.alias("event_id"), *others, "nth", "row.*")


def _clean_columns() -> list[Column]:
    named = {"session": F.lower(F.hex("session")), "visitor": F.lower(F.hex("visitor"))}
    return [named.get(name, F.col(name)).cast(type_).alias(name) for name, type_ in SCHEMA.items()]


def _quarantine(kept: DataFrame) -> DataFrame:
    columns = {"file": landing_name(F.col("file"))}
    return kept.where("reason IS NOT NULL").select(
        *(columns.get(n, F.col(n)).cast(t).alias(n) for n, t in QUARANTINE_SCHEMA.items())
    )
