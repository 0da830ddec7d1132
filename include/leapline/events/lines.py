"""From lines to fields, and what is wrong with a line."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from leapline.events import kinds
from leapline.events.landing import FIELDS
from leapline.events.mapping import Mapping
from leapline.events.read import enriched_on

WIDTH: Final = len(FIELDS)
MAX_LINE_BYTES: Final = 2**20
"""Longer than any tracker sends (collectors stop at a megabyte)."""

ALWAYS: Final = ("collector_tstamp", "derived_tstamp", "event_id", "event_fingerprint", "domain_sessionidx",
                 "dvce_type", "refr_medium", "derived_contexts")  # fmt: skip
_BROKEN_CLOCK: Final = timedelta(days=31)
"""Older than this on arrival: no setting admits it as merely late."""


@dataclass(frozen=True)
class Window:
    """The times that a night deals with, all UTC.

    Args:
        day: the data day.
        lookback: before the day, to see which sessions were already on.
        lookahead: past the day's end, to follow the tails of its sessions.
        grace: how long after its own day's tail an event may still arrive.
        skew: how far an event may lie after its own arrival.
    """

    day: date
    lookback: timedelta
    lookahead: timedelta
    grace: timedelta
    skew: timedelta

    @property
    def start(self) -> datetime:
        """The day's first instant."""
        return datetime.combine(self.day, time(), UTC)

    @property
    def end(self) -> datetime:
        """The next day's first instant."""
        return self.start + timedelta(days=1)


def instant(at: datetime) -> Column:
    """A literal that does not depend on the session's time zone."""
    return F.timestamp_micros(F.lit(round(at.timestamp() * 1_000_000)))


def fields_of(lines: DataFrame, mapping: Mapping) -> DataFrame:
    """Split lines into the columns that are needed, empty as null.

    Args:
        lines: `line, file` of `read_lines`.

    Returns:
        `file, line_hash, line_bytes, damage`, the needed columns as strings, and as timestamps `collector_ts` and
        `ts` (when the event happened). `damage` says why a line cannot be read; its fields are then not to be relied
        on.
    """
    line = F.col("line")
    names = sorted(kinds.columns_of(mapping) | set(ALWAYS))
    whole = F.when(F.octet_length(line) <= MAX_LINE_BYTES, F.split(line, "\t", -1))
    hashed = F.lower(F.hex(F.xxhash64(line)))
    split = lines.select(
        "file", hashed.alias("line_hash"), F.octet_length(line).alias("line_bytes"),
        _unreadable(line).alias("bytes"), whole.alias("f"),
    )  # fmt: skip
    form = F.coalesce("bytes", F.when(F.size("f") != WIDTH, F.lit("width")))
    columns = (F.nullif(F.get("f", F.lit(FIELDS.index(name))), F.lit("")).alias(name) for name in names)
    fields = split.select("file", "line_hash", "line_bytes", form.alias("form"), *columns)
    timed = fields.select(
        "*", _timestamp("collector_tstamp").alias("collector_ts"), _timestamp("derived_tstamp").alias("derived_ts")
    )
    return timed.select("*", F.coalesce("derived_ts", "collector_ts").alias("ts"), _damage().alias("damage"))


def judged(fields: DataFrame, mapping: Mapping, window: Window, consent_required: bool) -> DataFrame:
    """Add `entities`, and `reason`: why a line is not used, null for the events of the day and its margins.

    What has no usable time of its own counts for the day on which it arrived, so that it is set aside in one night
    only.
    """
    inside = F.col("ts").between(
        instant(window.start - window.lookback), instant(window.end + window.lookahead - _TICK)
    )
    in_day = F.col("ts").between(instant(window.start), instant(window.end - _TICK))
    usable = F.col("damage").isNull() & inside
    found = kinds.entities(F.when(usable, F.col("contexts")), kinds.entity_fields(mapping))
    bot = kinds.entities(F.when(usable, F.col("derived_contexts")), [mapping.bot.field])
    timed = fields.select("*", found.alias("entities"), bot.alias("derived"), _untimely(window).alias("untimely"))
    unwanted = _unwanted(mapping, consent_required)
    reason = (
        F.when(F.col("damage").isNotNull(), F.when(_arrived_on(window), F.col("damage")).otherwise("other_day"))
        .when(F.col("untimely").isNotNull(), F.when(_arrived_on(window), F.col("untimely")).otherwise("other_day"))
        .when(~inside, F.lit("other_day"))
        .when(unwanted.isNotNull(), F.when(in_day, unwanted).otherwise("other_day"))
    )
    return timed.withColumn("reason", reason).drop("derived", "untimely", "damage", "form", "derived_ts")


_TICK: Final = timedelta(microseconds=1)


def _unreadable(line: Column) -> Column:
    return (
        F.when(F.octet_length(line) > MAX_LINE_BYTES, F.lit("too_long"))
        .when(~F.is_valid_utf8(line), F.lit("not_utf8"))
        .when(line.contains("\0"), F.lit("nul_byte"))
    )


def _timestamp(name: str) -> Column:
    """Snowplow's `yyyy-MM-dd HH:mm:ss[.S...]` without a zone, which is UTC; null for anything else."""
    return F.concat(F.col(name), F.lit("Z")).try_cast("timestamp")


def _damage() -> Column:
    unparsed = F.col("collector_ts").isNull() | (F.col("derived_tstamp").isNotNull() & F.col("derived_ts").isNull())
    return (
        F.when(F.col("form").isNotNull(), F.col("form"))
        .when(~F.coalesce(F.col("event_id").rlike("^[0-9A-Za-z-]{1,64}$"), F.lit(False)), F.lit("event_id"))
        .when(unparsed, F.lit("timestamp"))
    )


def _arrived_on(window: Window) -> Column:
    collected = F.col("collector_ts").between(instant(window.start), instant(window.end - _TICK))
    return F.coalesce(collected, enriched_on(F.col("file")) == F.lit(window.day), F.lit(False))


def _untimely(window: Window) -> Column:
    """Why an event's time cannot be right, or is too long ago."""
    lag = F.unix_micros("collector_ts") - F.unix_micros("ts")
    return (
        F.when(lag < -_micros(window.skew), F.lit("clock_skew"))
        .when(lag > _micros(_BROKEN_CLOCK), F.lit("clock_skew"))
        .when(lag > _micros(window.grace), F.lit("late"))
    )


def _micros(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


def _unwanted(mapping: Mapping, consent_required: bool) -> Column:
    bot = kinds.has_entity(F.col("derived"), mapping.bot.entity, mapping.bot.field, mapping.bot.values)
    consent = kinds.has_entity(F.col("entities"), mapping.consent.entity, mapping.consent.field, mapping.consent.values)
    return (
        F.when(bot | kinds.any_of(mapping.bot_columns), F.lit("bot"))
        .when(kinds.any_of(mapping.internal), F.lit("internal"))
        .when(F.lit(consent_required) & ~consent, F.lit("no_consent"))
        .when(_any_missing(mapping.session), F.lit("no_session"))
        .when(_any_missing(mapping.visitor), F.lit("no_visitor"))
    )


def _any_missing(names: list[str]) -> Column:
    return F.concat(*names).isNull()
