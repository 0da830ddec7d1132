"""Cleaning of one data day: every line becomes an event or is dropped or quarantined with a reason, and counts add up.

    lines --damage, time, consent, robots--> kinds, pseudonyms --by event id--> duplicates --by session--> days
      |                                                                                                    |
      +-- other days, no consent, robots: counted and dropped            events | quarantine: persisted once

The lines are read once and shuffled twice; no Python runs per row.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final, Self

import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from leapline.events import lines, mapping_sql, pseudonym, sessions
from leapline.events.constants import with_constants
from leapline.events.counters import Counters, watched_tasks
from leapline.events.event_form import EventForm
from leapline.events.file_counts import (
    counts_by_file,
    recorded_names,
    recorded_text,
    require_balanced_files,
    unusable_files,
)
from leapline.events.forms import form_of, reads_of
from leapline.events.mapping import Mapping, load
from leapline.events.orders import FORMER_ORDER, EarlierOrdersReader, no_earlier_orders, place_orders
from leapline.events.personal import personal_data_sql
from leapline.events.plain_text import plain_sql
from leapline.events.reasons import QUARANTINED, WITHOUT_SESSION, is_kept
from leapline.events.reconciliation import (
    balance,
    group_kept,
    kept_totals,
    reason_counters,
    require_balance,
    require_events,
    source_counters,
)
from leapline.events.schema import SCHEMA
from leapline.events.unmapped import COLUMN as UNMAPPED
from leapline.events.unmapped import candidates_warning, mapping_candidates, unmapped_sql
from leapline.settings import Settings
from leapline.sources.source import DayWindow, EventReads, EventSource, Listing, Slice

QUARANTINE_SCHEMA: Final[dict[str, str]] = {
    "reason": "string",
    "file": "string",
    "line_hash": "string",
    "line_bytes": "int",
}
"""The columns of a quarantined line: enough to find it at the source, nothing of its content."""


@dataclass(frozen=True)
class CleanOptions:
    """The options of cleaning; the settings of the same names document each option.

    Args:
        key: the pseudonym key, bytes.
        former_key: the key before it, under which erased visitors and earlier orders are recognised too; empty if none.
        mapping: the site's event mapping.
        skew: how far an event may lie after its own arrival.
        max_session_events: events of one session that are kept.
        widths: accepted numbers of columns per line.
        partitions: partitions of the result, and so the maximum number of files.
    """

    key: bytes = field(repr=False)
    mapping: Mapping = field(default_factory=load, repr=False)
    consent_required: bool = True
    detect_numbers: bool = True
    lookahead_hours: int = 3
    days_late: int = 3
    skew: timedelta = timedelta(minutes=15)
    max_session_events: int = 5000
    max_price: float = 1e8
    max_quantity: int = 100_000
    widths: range = lines.USUAL_WIDTHS
    min_usable_ratio: float = 0.5
    min_visitors_per_value: int = 20
    partitions: int = 8
    former_key: bytes = field(default=b"", repr=False)

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
            detect_numbers=settings.detect_numbers,
            lookahead_hours=settings.lookahead_hours,
            days_late=settings.days_late,
            max_session_events=settings.max_session_events,
            max_price=settings.max_price,
            max_quantity=settings.max_quantity,
            widths=settings.accepted_widths_range,
            min_usable_ratio=settings.min_usable_ratio,
            min_visitors_per_value=settings.min_visitors_per_value,
            partitions=settings.spark_shuffle_partitions,
        )

    @property
    def reads(self) -> EventReads:
        """What cleaning reads of an event."""
        return reads_of(self.mapping)

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
            sum(quarantined)`, where `added` counts the second and further rows of events about several products. Also
            `files`, `lookahead_hours`, `late_taken` (events that arrived after the day's look-ahead) and
            `quarantined_share` (of the lines of this day), `bytes` and `quarantined_bytes` (of lines, not compressed),
            `widths` (lines per unusual number of columns), `currencies` (events with a price per currency),
            those of `orders.Orders`, `unusable_files` and `unusable` (their descriptions), `ignored_entries` and
            `ignored` (entries of the source that were not understood), `mapping_candidates` (see
            `unmapped.mapping_candidates`), and as text the `warning` about source and candidates, if there is one.
        files: `file_counts.counts_by_file`.
        orders: columns of `orders.SCHEMA`, one row per order of the day.
        kept: the persisted rows from which both frames are read.
    """

    events: DataFrame
    quarantine: DataFrame
    counts: dict[str, Any]
    files: list[dict[str, Any]]
    orders: DataFrame
    kept: DataFrame = field(repr=False)


@contextmanager
def cleaned_day(
    spark: SparkSession,
    source: EventSource,
    day: date,
    options: CleanOptions,
    *,
    listing: Listing | None = None,
    earlier_orders: EarlierOrdersReader = no_earlier_orders,
    erased: Collection[str] = (),
) -> Iterator[CleanDay]:
    """Clean one data day. The result is kept on the executors' disks until the block ends.

    Args:
        spark: a session; the work is done in a new one with the same settings, because it changes and observes it.
        source: where the day's lines are.
        day: the data day (UTC); the sessions that start on it are kept complete.
        options: how to clean.
        listing: the source's listing of the day's window; None to list it now.
        earlier_orders: reads the orders that earlier days have counted, which do not count again.
        erased: pseudonyms of visitors whose events must not be kept.

    Raises:
        InputError: the source is missing, or a slice is damaged or cannot be read.
        NoEventsError: nothing landed for that day, or no event is left; the error contains the reasons.
        BalanceError: the counts do not add up.
    """
    spark, window = _separate_session(spark), options.window(day)
    listing = listing or source.list_day(window)
    slices = listing.slices
    constants = {**lines.window_constants(window), **pseudonym.padded(options.key)}
    if options.former_key:
        constants |= pseudonym.padded(options.former_key, pseudonym.FORMER)
    raw = source.read(spark, slices)
    form = form_of(raw.columns, options.mapping, options.widths)
    timed = with_constants(form.with_times(raw), constants)
    is_other_day = lines.belongs_to_other_day()
    at_source = Counters(timed, source_counters(len(slices), is_other_day, form.size()))
    fields = form.split(at_source.observed().where(~is_other_day))
    reasoned = lines.with_reason(fields, options.mapping, form, window, options.skew, options.consent_required)
    scanned = Counters(reasoned, reason_counters(len(slices)))
    mapped = _without_erased(_with_kinds(scanned.observed().where(is_kept()), form, options), erased)
    unique = sessions.mark_duplicates(mapped, options.partitions)
    ordered = sessions.mark_out_of_session(unique, options.max_session_events, options.partitions)
    gathered = Counters(ordered, reason_counters(len(slices)))
    kept = _one_row_per_product(gathered.observed().where(is_kept()))
    counts: dict[str, Any] = {"day": day.isoformat(), "files": len(slices), "lookahead_hours": options.lookahead_hours}
    try:
        with _fixed_plan(spark), watched_tasks(spark) as any_repeated:
            kept.persist(StorageLevel.DISK_ONLY)
            groups = group_kept(kept)
            by_query = any_repeated()
        at_start, before, after = (place.values(by_query=by_query) for place in (at_source, scanned, gathered))
        with place_orders(kept, groups, options.partitions, day, earlier_orders(spark)) as orders:
            groups = [*groups, *orders.corrections]
            counts |= balance(kept_totals(groups), at_start, before, after)
            require_balance(counts)
            files = counts_by_file(slices, groups, at_start["per_slice"], [before["per_slice"], after["per_slice"]])
            source.require_unchanged(slices, [file["lines"] for file in files])
            require_balanced_files(counts["day"], files, counts["lines"])
            counts |= orders.counts
            require_events(counts, listing.ignored_text())
            counts |= listing.facts
            counts |= {"ignored_entries": len(listing.ignored), "ignored": recorded_text(listing.ignored_text())}
            candidates = mapping_candidates(orders.events, options.min_visitors_per_value)
            warnings = [*listing.warnings, *filter(None, [candidates_warning(candidates)])]
            counts |= {"mapping_candidates": candidates}
            counts |= {"warning": " ".join(warnings)} if warnings else {}
            unusable = unusable_files(files, options.min_usable_ratio)
            counts |= {"unusable_files": len(unusable), "unusable": unusable}
            events = sessions.with_event_numbers(orders.events).select(*_clean_columns())
            yield CleanDay(events, _quarantine(kept, slices), counts, files, orders.table, kept)
    finally:
        kept.unpersist()


def write_day(clean: CleanDay, events: str, quarantine: str, orders: str) -> None:
    """Write a cleaned day as Parquet to three addresses; at most one file per partition, always the same rows in the
    same order.

    Raises:
        InputError: a source file was removed meanwhile.
    """
    clean.events.write.mode("overwrite").parquet(events)
    clean.quarantine.write.mode("overwrite").parquet(quarantine)
    clean.orders.write.mode("overwrite").parquet(orders)


def _separate_session(spark: SparkSession) -> SparkSession:
    """Return a new session on the same Spark context with the SQL settings of the given one."""
    session = spark.newSession()
    for name, value in spark.conf.getAll.items():
        if session.conf.isModifiable(name):
            session.conf.set(name, value)
    return session


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


def _with_kinds(used: DataFrame, form: EventForm, options: CleanOptions) -> DataFrame:
    """Add kinds and pseudonyms to the remaining lines; select the columns that go through the shuffles."""
    mapping = options.mapping
    mapped = mapping_sql.with_kinds(used, mapping, form.event_data)
    texts = F.concat_ws(" ", "item", "category", F.to_json("more"), "dvce_type", "refr_medium")
    mapped = mapped.withColumns({"texts": texts, "more": _plausible_amounts(options)})
    mapped = mapped.withColumn("plain", F.expr(plain_sql("texts")))
    former = {"former_visitor": mapping_sql.identity_sql(mapping.visitor), FORMER_ORDER: "`order`"}
    return mapped.select(
        *(pseudonym.pseudonym(F.expr(sql), pseudonym.FORMER).alias(name) for name, sql in former.items()
          if options.former_key),
        _content_reason(options).alias("reason"),
        "slice", "line_hash", "line_bytes", "width", "event_id", "event_fingerprint",
        pseudonym.pseudonym(F.expr(mapping_sql.identity_sql(mapping.session))).alias("session"),
        pseudonym.pseudonym(F.expr(mapping_sql.identity_sql(mapping.visitor))).alias("visitor"),
        pseudonym.pseudonym(F.col("order")).alias("order"),
        "ts", "collector_ts", "part", "after_tail",
        "kind", "page", "item", "category", "price", "quantity", "currency", "more",
        F.expr(unmapped_sql(mapped.columns)).alias(UNMAPPED),
        F.col("dvce_type").alias("device"),
        F.col("refr_medium").alias("referrer"),
        F.col("domain_sessionidx").try_cast("int").alias("session_index"),
    )  # fmt: skip


def _without_erased(mapped: DataFrame, erased: Collection[str]) -> DataFrame:
    """Give the events of erased visitors a reason; their pseudonyms are data, so that no query plan contains them."""
    columns = [name for name in mapped.columns if name != "former_visitor"]
    if not erased:
        return mapped.select(*columns)
    for name in ("visitor", *({"former_visitor"} & set(mapped.columns))):
        listed = pa.table({name: pa.array([bytes.fromhex(text) for text in sorted(erased)], pa.binary())})
        marks = F.broadcast(mapped.sparkSession.createDataFrame(listed).withColumn("is_erased", F.lit(True)))
        is_event = F.col("is_erased") & _may_be_event()
        reason = F.when(is_event, lines.on_the_day(F.lit("erased"))).otherwise(F.col("reason"))
        mapped = mapped.join(marks, name, "left").withColumn("reason", reason).drop("is_erased")
    return mapped.select(*columns)


def _content_reason(options: CleanOptions) -> Column:
    """Return the reason of a line after its content is known: personal data, refund, amount above the limits."""
    reason, order = F.col("reason"), F.col("kind").isin("purchase", "purchase_item")
    negative = F.coalesce((F.col("price") < 0) | (F.col("quantity") < 0), F.lit(False))
    excessive = (F.col("price") > options.max_price) | (F.col("quantity") > options.max_quantity)
    content = (
        F.when(F.expr(personal_data_sql("plain", options.detect_numbers)), F.lit("personal_data"))
        .when(order & negative, F.lit("refund"))
        .when(negative | F.coalesce(excessive, F.lit(False)), F.lit("amount"))
    )
    sessionless = F.when(F.col("kind") == "purchase", F.coalesce(content, F.lit(WITHOUT_SESSION))).otherwise(
        "no_session"
    )
    return (
        F.when(reason.isNull() & content.isNotNull(), lines.on_the_day(content))
        .when(reason == WITHOUT_SESSION, sessionless)
        .otherwise(reason)
    )


def _plausible_amounts(options: CleanOptions) -> Column:
    """Return `more` without negative and excessive amounts: a discount that is sent as a product keeps its order."""

    def within(value: Column, limit: float) -> Column:
        return F.when((value >= 0) & (value <= limit), value)

    def plausible(row: Column) -> Column:
        price, quantity = within(row["price"], options.max_price), within(row["quantity"], options.max_quantity)
        return row.withField("price", price).withField("quantity", quantity)

    return F.transform("more", plausible)


def _one_row_per_product(events: DataFrame) -> DataFrame:
    """Expand an event about several products to one row each, `<event id>:<n>` from the second on; order is kept."""
    event = F.struct("kind", "item", "category", "price", "quantity")
    rows = F.when(_may_be_event() & F.col("more").isNotNull(), F.concat(F.array(event), "more")).otherwise(
        F.array(event)
    )
    columns = [
        c for c in events.columns if c not in {"kind", "item", "category", "price", "quantity", "more", "event_id"}
    ]
    expanded = events.select("event_id", *columns, F.posexplode(rows).alias("nth", "row"))
    numbered = F.when(F.col("nth") > 0, F.concat_ws(":", "event_id", "nth")).otherwise(F.col("event_id"))
    return expanded.select(numbered.alias("event_id"), *columns, "nth", "row.*")


def _may_be_event() -> Column:
    return F.col("reason").isNull() | (F.col("reason") == WITHOUT_SESSION)


def _clean_columns() -> list[Column]:
    encoded = {"session": F.lower(F.hex("session")), "visitor": F.lower(F.hex("visitor"))}
    return [encoded.get(name, F.col(name)).cast(type_).alias(name) for name, type_ in SCHEMA.items()]


def _quarantine(kept: DataFrame, slices: tuple[Slice, ...]) -> DataFrame:
    names = pa.table({"slice": pa.array(range(len(slices)), pa.int32()), "file": recorded_names(slices)})
    named = kept.where(F.col("reason").isin(*QUARANTINED)).join(
        F.broadcast(kept.sparkSession.createDataFrame(names)), "slice", "left"
    )
    return named.select(*(F.col(name).cast(type_).alias(name) for name, type_ in QUARANTINE_SCHEMA.items()))
