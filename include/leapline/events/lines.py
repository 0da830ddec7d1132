"""Splitting lines into fields, and the reasons why a line is not used."""

from datetime import datetime, timedelta
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from leapline.events import mapping_sql
from leapline.events.event_form import EventForm
from leapline.events.mapping import Mapping
from leapline.events.reasons import WITHOUT_SESSION
from leapline.snowplow.enriched import FIELDS
from leapline.sources.source import DayWindow

WIDTH: Final = len(FIELDS)
USUAL_WIDTHS: Final = range(WIDTH, WIDTH + 1)
MAX_LINE_BYTES: Final = 2**20
"""Longer than anything a tracker sends (collectors stop at a megabyte)."""

ALWAYS_NEEDED: Final = (
    "event_id",
    "event_fingerprint",
    "domain_sessionidx",
    "dvce_type",
    "refr_medium",
    "derived_contexts",
)
_COLLECTOR, _DERIVED = FIELDS.index("collector_tstamp"), FIELDS.index("derived_tstamp")
_BROKEN_CLOCK: Final = timedelta(days=31)
"""An event older than this on arrival has a wrong clock; no setting accepts it as merely late."""

NULLS: Final = ("", "\\N", "null", "NULL", "undefined")
"""Texts that exports and trackers write for a missing value."""

BEFORE, HEAD, REST, AFTER = range(4)
"""Parts of a day's window: the look-back; the hours of the day that the look-ahead of the day before covers; the rest
of the day; the look-ahead."""


def window_constants(window: DayWindow) -> dict[str, datetime | str]:
    """Return the bounds of the window's parts, and the day, for `with_constants`."""
    return {
        "_from": window.start - window.lookback,
        "_start": window.start,
        "_rest": window.start + window.lookahead,
        "_end": window.end,
        "_until": window.end + window.lookahead,
        "_day": window.day.isoformat(),
    }


def columns_read(mapping: Mapping) -> frozenset[str]:
    """Return the columns of the enriched event that cleaning reads with a mapping."""
    return frozenset(mapping_sql.columns_of(mapping) | {*ALWAYS_NEEDED, FIELDS[_COLLECTOR], FIELDS[_DERIVED]})


def with_times(raw: DataFrame, widths: range = USUAL_WIDTHS) -> DataFrame:
    """Add each event's arrival and event time, read from the line's two ends without splitting all of it.

    A backfill also reads the files of the following days, in which nearly every line belongs to another day.

    Args:
        raw: columns of `leapline.sources.source.LINE_SCHEMA`.
        widths: the accepted numbers of columns; the format only ever grew at its end.

    Returns:
        Also `collector_ts`, `ts` (the event's time) and `untimed`, whether one of the two cannot be read. In a line
        with a wrong number of columns only `collector_ts` is reliable.
    """
    line = F.col("line")
    collector = F.substring_index(F.substring_index(line, "\t", _COLLECTOR + 1), "\t", -1)
    derived = _derived_from_end(line) if widths == USUAL_WIDTHS else _derived_from_start(line)
    timed = raw.select("*", _timestamp(collector).alias("collector_ts"), derived.alias("derived"))
    timed = timed.select("*", _timestamp(F.col("derived")).alias("derived_ts"))
    unread = F.col("collector_ts").isNull() | (~F.col("derived").isin(*NULLS) & F.col("derived_ts").isNull())
    ts = F.coalesce("derived_ts", "collector_ts").alias("ts")
    return timed.select("*", ts, unread.alias("untimed")).drop("derived", "derived_ts")


def _derived_from_end(line: Column) -> Column:
    return F.substring_index(F.substring_index(line, "\t", _DERIVED - WIDTH), "\t", 1)


def _derived_from_start(line: Column) -> Column:
    """Read by position from the start; lines that are too short for the column have no value."""
    tabs = F.length(line) - F.length(F.replace(line, F.lit("\t"), F.lit("")))
    value = F.substring_index(F.substring_index(line, "\t", _DERIVED + 1), "\t", -1)
    return F.when(tabs >= _DERIVED, value).otherwise("")


def belongs_to_other_day() -> Column:
    """Return whether a line is certainly counted by the run of another day.

    Requires the columns of `with_times` and the window's constants.
    """
    near = F.coalesce((F.col("ts") >= F.col("_from")) & (F.col("ts") < F.col("_until")), F.lit(False))
    return ~near & ~_arrived_on_the_day()


def split_fields(timed: DataFrame, mapping: Mapping, widths: range = USUAL_WIDTHS) -> DataFrame:
    """Split lines into the required columns, null where they are empty or one of `NULLS`.

    Args:
        timed: lines of `with_times`; its other columns are kept.
        mapping: the site's mapping, which decides which columns are required.
        widths: the accepted numbers of columns; columns that a line does not have are null.

    Returns:
        `line_hash, line_bytes, width, damage` in place of `line`, and the required columns as strings. `width` is the
        number of columns, null where it is the usual one. `damage` is the reason
        why a line cannot be read, null if it can; the fields of a damaged line are not reliable.
    """
    line, others = F.col("line"), [name for name in timed.columns if name not in {"line", "untimed"}]
    names = sorted(mapping_sql.columns_of(mapping) | set(ALWAYS_NEEDED))
    parts = F.when(F.octet_length(line) <= MAX_LINE_BYTES, F.split(line, "\t", -1))
    hashed = F.lower(F.lpad(F.hex(F.xxhash64(line)), 16, "0"))
    split = timed.select(
        *others, "untimed", hashed.alias("line_hash"), F.octet_length(line).alias("line_bytes"),
        _byte_damage(line).alias("bytes"), parts.alias("f"),
    )  # fmt: skip
    width = F.when(F.size("f") != WIDTH, F.size("f")).alias("width")
    form = F.coalesce("bytes", F.when(~F.size("f").between(widths[0], widths[-1]), F.lit("width")))
    values = {name: F.get("f", F.lit(FIELDS.index(name))) for name in names}
    columns = (F.when(~value.isin(*NULLS), value).alias(name) for name, value in values.items())
    fields = split.select(*others, "untimed", "line_hash", "line_bytes", width, form.alias("form"), *columns)
    return fields.select("*", damage().alias("damage")).drop("form", "untimed")


def with_reason(
    fields: DataFrame, mapping: Mapping, form: EventForm, window: DayWindow, skew: timedelta, consent_required: bool
) -> DataFrame:
    """Add the reason why a line is not used.

    A line without a usable event time counts for the day on which it arrived, so that exactly one day quarantines it.

    Args:
        fields: events of `EventForm.split`, with the window's constants.
        mapping: the site's mapping.
        form: of the events.
        window: the day and its margins.
        skew: how far an event may lie after its own arrival.
        consent_required: whether events without consent are excluded.

    Returns:
        Also `reason`, null for the events of the day and its margins; `part` of the window; `after_tail`, whether the
        event arrived after the look-ahead; `entities` of `contexts`.
    """
    usable = F.col("damage").isNull() & F.col("part").isNotNull()
    timed = fields.withColumns({"part": _part(), "after_tail": F.col("collector_ts") >= F.col("_until")}).withColumns(
        {
            "entities": form.entities(usable),
            "derived": form.derived(usable),
            "untimely": F.coalesce("damage", _untimely(window, skew)),
        }
    )
    unwanted = _unwanted(mapping, consent_required)
    reason = (
        F.when(F.col("untimely").isNotNull(), F.when(_arrived_on_the_day(), F.col("untimely")).otherwise("other_day"))
        .when(F.col("part").isNull(), F.lit("other_day"))
        .when(unwanted.isNotNull(), on_the_day(unwanted))
    )
    return timed.withColumn("reason", reason).drop("derived", "untimely", "damage")


def on_the_day(reason: Column) -> Column:
    """Return the reason for events of the day itself; events in its margins are counted by another day's run."""
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


def _byte_damage(line: Column) -> Column:
    return (
        F.when(F.octet_length(line) > MAX_LINE_BYTES, F.lit("too_long"))
        .when(~F.is_valid_utf8(line), F.lit("not_utf8"))
        .when(line.contains("\0"), F.lit("nul_byte"))
    )


def _timestamp(text: Column) -> Column:
    """Parse Snowplow's `yyyy-MM-dd HH:mm:ss[.S...]`, which has no zone and means UTC; null for anything else."""
    return F.concat(text, F.lit("Z")).try_cast("timestamp")


def damage() -> Column:
    """Return the reason why an event cannot be read; requires `form`, the damage of the line, and `untimed`."""
    return (
        F.when(F.col("form").isNotNull(), F.col("form"))
        .when(~F.coalesce(F.col("event_id").rlike("^[0-9A-Za-z-]{1,64}$"), F.lit(False)), F.lit("event_id"))
        .when(F.col("untimed"), F.lit("timestamp"))
    )


def _arrived_on_the_day() -> Column:
    at = F.col("collector_ts")
    collected = (at >= F.col("_start")) & (at < F.col("_end"))
    return F.coalesce(collected, F.col("landed_on") == F.col("_day").cast("date"), F.lit(False))


def _untimely(window: DayWindow, skew: timedelta) -> Column:
    """Return the reason why an event's time cannot be right, or is too long ago."""
    lag = F.unix_micros("collector_ts") - F.unix_micros("ts")
    return (
        F.when(lag < -_micros(skew), F.lit("clock_skew"))
        .when(lag > _micros(_BROKEN_CLOCK), F.lit("clock_skew"))
        .when(lag > _micros(window.grace), F.lit("late"))
    )


def _micros(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


def _unwanted(mapping: Mapping, consent_required: bool) -> Column:
    bot = mapping_sql.has_entity(F.col("derived"), mapping.entity_tests("bot"))
    bot |= mapping_sql.has_value(mapping.column_tests("bot")) | mapping_sql.any_of(mapping.bot_columns)
    consent = mapping_sql.has_entity(F.col("entities"), mapping.entity_tests("consent"))
    consent |= mapping_sql.has_value(mapping.column_tests("consent"))
    has_visitor = F.expr(mapping_sql.identity_sql(mapping.visitor)).isNotNull()
    has_session = F.expr(mapping_sql.identity_sql(mapping.session)).isNotNull()
    return (
        F.when(bot, F.lit("bot"))
        .when(mapping_sql.any_of(mapping.internal), F.lit("internal"))
        .when(F.lit(consent_required) & ~consent, F.lit("no_consent"))
        .when(~has_session, F.when(has_visitor, F.lit(WITHOUT_SESSION)).otherwise("no_session"))
        .when(~has_visitor, F.lit("no_visitor"))
    )
