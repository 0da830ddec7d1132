"""One night's cleaning: every line of the day becomes an event, or is set aside with a reason, and the numbers add up.

    lines --what is wrong with a line?--> kinds, pseudonyms --by event id--> duplicates --by session--> days
      |                                                                                                   |
      +-- other days, no consent, robots: counted and left              events | quarantine: kept on disk once

The lines are read once and shuffled twice; nothing runs Python per row.
"""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final, Self

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

from leapline.errors import BalanceError, InputError, NoEventsError
from leapline.events import kinds, lines, pseudonym, sessions
from leapline.events.constants import with_constants
from leapline.events.mapping import Mapping, load
from leapline.events.read import LandedFile, files_of_day, landing_name, read_lines
from leapline.settings import Settings

CLEAN_SCHEMA: Final[dict[str, str]] = {
    "event_id": "string", "session": "string", "visitor": "string", "ts": "timestamp", "collector_ts": "timestamp",
    "kind": "string", "page": "string", "item": "string", "category": "string", "price": "double", "quantity": "int",
    "device": "string", "referrer": "string", "session_index": "int",
}  # fmt: skip
"""The columns of clean events and their types: all that leaves the source."""

QUARANTINE_SCHEMA: Final[dict[str, str]] = {
    "reason": "string",
    "file": "string",
    "line_hash": "string",
    "line_bytes": "int",
}
"""What is kept of a line that was set aside: enough to find it at the source, nothing that it says."""

EXCLUDED: Final = ("bot", "duplicate", "internal", "no_consent", "no_session", "no_visitor")
"""Reasons why a sound line is left out."""

QUARANTINED: Final = ("clock_skew", "conflict", "endless", "event_id", "late", "nul_byte", "not_utf8", "personal_data",
                      "timestamp", "too_long", "width")  # fmt: skip
"""Reasons why a line is set aside for an operator to look at."""

_OTHER: Final = "other_day"


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
        events: `CLEAN_SCHEMA`, sorted by session, ts, event_id in each partition.
        quarantine: `QUARANTINE_SCHEMA`, one row a line set aside.
        counts: the balance, ready for JSON: `lines = events - added + other_days + sum(excluded) + sum(quarantined)`,
            where `added` are the rows beyond the first of events about several products. Also `files`, `late_taken`
            (events that arrived after the day's look-ahead) and `quarantined_share` (of the lines that are this
            day's).
    """

    events: DataFrame
    quarantine: DataFrame
    counts: dict[str, Any]


def clean_landing(spark: SparkSession, landing: Path, day: date, options: CleanOptions) -> CleanDay:
    """`clean_day` of the files in a landing folder that can hold the day's events.

    Raises:
        InputError: the folder is missing, or a file cannot be read.
        NoEventsError: no run of that day, or no event in it.
        BalanceError: the counts do not add up.
    """
    night = options.night(day)
    return clean_day(
        spark, files_of_day(landing, day, night.lookback, night.lookahead, options.days_late), day, options
    )


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
    scanned, sorted_ = Observation(), Observation()
    fields = lines.fields_of(read_lines(spark, files), options.mapping)
    timed = with_constants(fields, {**night.constants(), **pseudonym.padded(options.key)})
    judged = lines.judged(timed, options.mapping, night, options.consent_required)
    used = judged.observe(scanned, *_tally((_OTHER, *EXCLUDED))).where(_stays("reason"))
    unique = sessions.without_duplicates(_known(used, options.mapping), options.partitions)
    ordered = sessions.in_sessions(unique, options.max_session_events, options.partitions)
    left = ordered.observe(sorted_, *_tally((_OTHER, *EXCLUDED))).where(_stays("reason"))
    kept = _one_row_a_product(left)
    with _fixed_plan(spark):
        kept.persist(StorageLevel.DISK_ONLY)
        counts = _balance(_count(kept), scanned.get, sorted_.get, len(files), day)
    return CleanDay(kept.where("reason IS NULL").select(*_clean_columns()), _quarantine(kept), counts)


def release(clean: CleanDay) -> None:
    """Free the disk that a cleaned day takes on the executors."""
    clean.events.sparkSession.catalog.clearCache()


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


def _stays(reason: str) -> Column:
    return F.col(reason).isNull() | ~F.col(reason).isin(_OTHER, *EXCLUDED)


def _tally(reasons: Iterable[str]) -> list[Column]:
    return [F.count(F.lit(1)).alias("lines"), *(F.count(F.when(F.col("reason") == r, 1)).alias(r) for r in reasons)]


_EMAIL: Final = r"[\w.+-]+@[\w-]+\.\w"
_ADDRESS: Final = r"(^|[^\d.])(\d{1,3}\.){3}\d{1,3}([^\d.]|$)"


def _known(used: DataFrame, site: Mapping) -> DataFrame:
    """Kinds and pseudonyms for the lines that are still in; the columns that go through the shuffles."""
    found = kinds.with_kinds(used, site)
    personal = F.col("reason").isNull() & _looks_personal(F.col("texts"))
    reason = F.when(personal, F.lit("personal_data")).otherwise(F.col("reason"))
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


def _looks_personal(text: Column) -> Column:
    return (text.contains("@") & text.rlike(_EMAIL)) | (text.contains(".") & text.rlike(_ADDRESS))


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
    return [named.get(name, F.col(name)).cast(type_).alias(name) for name, type_ in CLEAN_SCHEMA.items()]


def _quarantine(kept: DataFrame) -> DataFrame:
    columns = {"file": landing_name(F.col("file"))}
    return kept.where("reason IS NOT NULL").select(
        *(columns.get(n, F.col(n)).cast(t).alias(n) for n, t in QUARANTINE_SCHEMA.items())
    )


def _count(kept: DataFrame) -> dict[str, int]:
    """Count what is kept, which makes Spark do all the work; `events`, `added`, `late_taken` and the reasons."""
    first, reason = F.col("nth") == 0, F.col("reason")
    grouped = kept.groupBy(F.coalesce(reason, F.lit("events")).alias("what")).agg(
        F.count("*").alias("rows"),
        F.count(F.when(first, 1)).alias("lines"),
        F.count(F.when(first & F.col("after_tail"), 1)).alias("late"),
    )
    rows = {row["what"]: row for row in _collect(grouped)}
    events = rows.pop("events", None)
    found = {reason: row["lines"] for reason, row in rows.items()}
    if events is None:
        return found | {"events": 0, "added": 0, "late_taken": 0}
    return found | {"events": events["rows"], "added": events["rows"] - events["lines"], "late_taken": events["late"]}


def _collect(frame: DataFrame) -> list[Any]:
    try:
        return frame.collect()
    except Exception as exc:
        text = str(exc)
        if match := re.search(r"reading file (?:file:/*)?(/\S+?)\.? ", text):
            cut = "EOF" in text or "Unexpected end" in text
            raise InputError(
                match[1],
                found="a file that is cut short" if cut else "a file that cannot be read to its end",
                expected="whole gzip or plain text",
                fix="Fetch the file again.",
            ) from exc
        raise


def _balance(
    found: dict[str, int], scanned: dict[str, int], sorted_: dict[str, int], files: int, day: date
) -> dict[str, Any]:
    """The counts, from three independent places: at the source, between the shuffles, and in what was kept."""
    gone = {reason: scanned.get(reason, 0) + sorted_.get(reason, 0) for reason in (_OTHER, *EXCLUDED)}
    total = scanned.get("lines", 0)
    set_aside = {reason: found.get(reason, 0) for reason in QUARANTINED}
    ours = total - gone[_OTHER]
    counts: dict[str, Any] = {
        "day": day.isoformat(),
        "files": files,
        "lines": total,
        "events": found["events"],
        "added": found["added"],
        "late_taken": found["late_taken"],
        "other_days": gone.pop(_OTHER),
        "excluded": gone,
        "quarantined": set_aside,
        "quarantined_share": round(sum(set_aside.values()) / ours, 6) if ours else 0.0,
    }
    _refuse_unbalanced(counts)
    _refuse_empty(counts)
    return counts


def _refuse_unbalanced(counts: dict[str, Any]) -> None:
    out = counts["events"] - counts["added"] + counts["other_days"]
    out += sum(counts["excluded"].values()) + sum(counts["quarantined"].values())
    if out != counts["lines"]:
        raise BalanceError(
            f"lines of {counts['day']}",
            found=f"{counts['lines']} in, {out} out ({json.dumps(counts)})",
            expected="every line to become an event or to be set aside once",
            fix="Run the step again.",
        )


def _refuse_empty(counts: dict[str, Any]) -> None:
    if counts["events"] == 0:
        gone = {"of other days": counts["other_days"], **counts["excluded"], **counts["quarantined"]}
        listed = ", ".join(f"{n} {why}" for why, n in gone.items() if n)
        raise NoEventsError(
            f"events of {counts['day']}",
            found=f"none among {counts['lines']} lines ({listed or 'empty files'})",
            expected="sessions that start on that day",
            fix="Check that the collector ran, or choose another date.",
        )
