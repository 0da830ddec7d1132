"""From lines to fields, and what is wrong with a line."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from leapline.events import mapping_sql
from leapline.events.mapping import Mapping
from leapline.snowplow.enriched import FIELDS
from leapline.sources.landing_folder import enriched_on

WIDTH: Final = len(FIELDS)
MAX_LINE_BYTES: Final = 2**20
"""Longer than any tracker sends (collectors stop at a megabyte)."""

ALWAYS: Final = ("event_id", "event_fingerprint", "domain_sessionidx", "dvce_type", "refr_medium", "derived_contexts")
_COLLECTOR, _DERIVED = FIELDS.index("collector_tstamp"), FIELDS.index("derived_tstamp")
_BROKEN_CLOCK: Final = timedelta(days=31)
"""Older than this on arrival: no setting admits it as merely late."""


@dataclass(frozen=True)
class Night:
    """The times that a night deals with, all UTC.

    Args:
        day: the data day.
        lookback: before the day, to see which sessions were already on.
        lookahead: past the day's end, to follow the tails of its sessions.
        grace: how much later than it happened an event may still arrive.
        skew: how far an event may lie after its own arrival.
    """

    day: date
    lookback: timedelta
    lookahead: timedelta
    grace: timedelta
    skew: timedelta

    def constants(self) -> dict[str, datetime | str]:
        """For `with_constants`: the ends of the night's parts, and the day."""
        start = datetime.combine(self.day, time(), UTC)
        end = start + timedelta(days=1)
        times = {"_from": start - self.lookback, "_start": start, "_rest": start + self.lookahead}
        return {**times, "_end": end, "_until": end + self.lookahead, "_day": self.day.isoformat()}


BEFORE, HEAD, REST, AFTER = range(4)
"""Parts of a night: the look-back; of the day, the hours in which tails of the day before may run, and the others;
the look-ahead."""


def dated(landed: DataFrame) -> DataFrame:
    """Add when each line's event arrived and happened, told from the line's two ends without splitting all of it.

    A backfill finds the files of the days after its own beside them, in which nearly every line is another night's.

    Args:
        landed: `line, file` of `read_lines`.

    Returns:
        Also `collector_ts`, `ts` (when the event happened) and `untimed`, whether one of them cannot be read. Of a
        line of another width only `collector_ts` is to be relied on.
    """
    line = F.col("line")
    collector = F.substring_index(F.substring_index(line, "\t", _COLLECTOR + 1), "\t", -1)
    derived = F.substring_index(F.substring_index(line, "\t", _DERIVED - WIDTH), "\t", 1)
    timed = landed.select("*", _timestamp(collector).alias("collector_ts"), derived.alias("derived"))
    timed = timed.select("*", _timestamp(F.col("derived")).alias("derived_ts"))
    unread = F.col("collector_ts").isNull() | ((F.col("derived") != "") & F.col("derived_ts").isNull())
    ts = F.coalesce("derived_ts", "collector_ts").alias("ts")
    return timed.select("*", ts, unread.alias("untimed")).drop("derived", "derived_ts")


def of_other_nights() -> Column:
    """Whether a line of `dated`, with the night's constants, can be left to another night whatever else it says."""
    near = F.coalesce((F.col("ts") >= F.col("_from")) & (F.col("ts") < F.col("_until")), F.lit(False))
    return ~near & ~_arrived_on_the_day()


def fields_of(dated: DataFrame, mapping: Mapping) -> DataFrame:
    """Split lines into the columns that are needed, empty as null.

    Args:
        dated: lines, with when they arrived and happened; what else it has is kept.

    Returns:
        `line_hash, line_bytes, damage` in place of `line`, and the needed columns as strings. `damage` says why a line
        cannot be read; its fields are then not to be relied on.
    """
    line, others = F.col("line"), [name for name in dated.columns if name not in {"line", "untimed"}]
    names = sorted(mapping_sql.columns_of(mapping) | set(ALWAYS))
    whole = F.when(F.octet_length(line) <= MAX_LINE_BYTES, F.split(line, "\t", -1))
    hashed = F.lower(F.lpad(F.hex(F.xxhash64(line)), 16, "0"))
    split = dated.select(
        *others, "untimed", hashed.alias("line_hash"), F.octet_length(line).alias("line_bytes"),
        _unreadable(line).alias("bytes"), whole.alias("f"),
    )  # fmt: skip
    form = F.coalesce("bytes", F.when(F.size("f") != WIDTH, F.lit("width")))
    columns = (F.nullif(F.get("f", F.lit(FIELDS.index(name))), F.lit("")).alias(name) for name in names)
    fields = split.select(*others, "untimed", "line_hash", "line_bytes", form.alias("form"), *columns)
    return fields.select("*", _damage().alias("damage")).drop("form", "untimed")


def judged(fields: DataFrame, mapping: Mapping, night: Night, consent_required: bool) -> DataFrame:
    """Add why a line is not used.

    What has no usable time of its own counts for the day on which it arrived, so that it is set aside in one night
    only.

    Args:
        fields: `fields_of`, with the night's constants.

    Returns:
        `reason`, null for the events of the day and its margins; `part` of the night; `after_tail`, whether it arrived
        when the day's tails were over; `entities` of `contexts`.
    """
    usable = F.col("damage").isNull() & F.col("part").isNotNull()
    found = mapping_sql.entities(F.when(usable, F.col("contexts")), mapping_sql.entity_fields(mapping))
    robots = F.when(usable & mapping_sql.may_have_entity("derived_contexts", mapping.bot), F.col("derived_contexts"))
    timed = fields.withColumns({"part": _part(), "after_tail": F.col("collector_ts") >= F.col("_until")}).withColumns(
        {
            "entities": found,
            "derived": mapping_sql.entities(robots, [mapping.bot.field]),
            "untimely": F.coalesce("damage", _untimely(night)),
        }
    )
    unwanted = _unwanted(mapping, consent_required)
    reason = (
        F.when(F.col("untimely").isNotNull(), F.when(_arrived_on_the_day(), F.col("untimely")).otherwise("other_day"))
        .when(F.col("part").isNull(), F.lit("other_day"))
        .when(unwanted.isNotNull(), in_its_night(unwanted))
    )
    return timed.withColumn("reason", reason).drop("derived", "untimely", "damage")


def in_its_night(reason: Column) -> Column:
    """The reason for what happened on the day; what happened in its margins, another night counts."""
    return F.when(F.col("part").isin(HEAD, REST), reason).otherwise("other_day")


def _part() -> Column:
    ts = F.col("ts")
    return (
        F.when(ts < F.col("_from"), F.lit(None))
        .when(ts < F.col("_start"), F.lit(BEFORE))
        .when(ts < F.col("_rest"), F.lit(HEAD))
        .when(ts < F.col("_end"), F.lit(REST))
        .when(ts < F.col("_until"), F.lit(AFTER))
    )


def _unreadable(line: Column) -> Column:
    return (
        F.when(F.octet_length(line) > MAX_LINE_BYTES, F.lit("too_long"))
        .when(~F.is_valid_utf8(line), F.lit("not_utf8"))
        .when(line.contains("\0"), F.lit("nul_byte"))
    )


def _timestamp(text: Column) -> Column:
    """Snowplow's `yyyy-MM-dd HH:mm:ss[.S...]` without a zone, which is UTC; null for anything else."""
    return F.concat(text, F.lit("Z")).try_cast("timestamp")


def _damage() -> Column:
    return (
        F.when(F.col("form").isNotNull(), F.col("form"))
        .when(~F.coalesce(F.col("event_id").rlike("^[0-9A-Za-z-]{1,64}$"), F.lit(False)), F.lit("event_id"))
        .when(F.col("untimed"), F.lit("timestamp"))
    )


def _arrived_on_the_day() -> Column:
    at = F.col("collector_ts")
    collected = (at >= F.col("_start")) & (at < F.col("_end"))
    return F.coalesce(collected, enriched_on(F.col("file")) == F.col("_day"), F.lit(False))


def _untimely(night: Night) -> Column:
    """Why an event's time cannot be right, or is too long ago."""
    lag = F.unix_micros("collector_ts") - F.unix_micros("ts")
    return (
        F.when(lag < -_micros(night.skew), F.lit("clock_skew"))
        .when(lag > _micros(_BROKEN_CLOCK), F.lit("clock_skew"))
        .when(lag > _micros(night.grace), F.lit("late"))
    )


def _micros(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


def _unwanted(mapping: Mapping, consent_required: bool) -> Column:
    bot = mapping_sql.has_entity(F.col("derived"), mapping.bot)
    consent = mapping_sql.has_entity(F.col("entities"), mapping.consent)
    return (
        F.when(bot | mapping_sql.any_of(mapping.bot_columns), F.lit("bot"))
        .when(mapping_sql.any_of(mapping.internal), F.lit("internal"))
        .when(F.lit(consent_required) & ~consent, F.lit("no_consent"))
        .when(_any_missing(mapping.session), F.lit("no_session"))
        .when(_any_missing(mapping.visitor), F.lit("no_visitor"))
    )


def _any_missing(names: list[str]) -> Column:
    return F.concat(*names).isNull()
