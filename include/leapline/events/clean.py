"""Cleaning of one data day: every line becomes an event or is dropped or quarantined with a reason, and counts add up.

    lines --damage, time, consent, robots--> kinds, pseudonyms --by event id--> duplicates --by session--> days
      |                                                                                                    |
      +-- other days, no consent, robots: counted and dropped            events | quarantine: persisted once

The lines are read once and exchanged twice; no Python runs per row. The program `cleaner`
decides what a row means.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final, Self

import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from leapline.events.cleaner.landed import file_frame
from leapline.events.cleaner.options import cleaner_options
from leapline.events.cleaner.program import PROGRAMS, program_for, require_usable
from leapline.events.cleaner.stages import BUCKETS_PER_PARTITION, Cleaner
from leapline.events.counts import collect_counts
from leapline.events.file_counts import (
    counts_by_file,
    recorded_names,
    recorded_text,
    require_balanced_files,
    unusable_files,
)
from leapline.events.mapping import Mapping, load
from leapline.events.orders import EarlierOrdersReader, no_earlier_orders, place_orders
from leapline.events.reads import USUAL_WIDTHS, reads_of
from leapline.events.reconciliation import balance, kept_totals, require_balance, require_events
from leapline.events.statistics import day_profile
from leapline.events.unmapped import candidates_warning, mapping_candidates
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
        programs: the folder with the program `cleaner` for each kind of machine.
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
    widths: range = USUAL_WIDTHS
    min_usable_ratio: float = 0.5
    min_visitors_per_value: int = 20
    max_sessions_per_visitor: int = 1000
    partitions: int = 8
    programs: Path = PROGRAMS
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
            max_sessions_per_visitor=settings.max_sessions_per_visitor,
            partitions=settings.spark_shuffle_partitions,
            programs=settings.tools / PROGRAMS.name,
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
        statistics: of the events, for the data check; see `leapline.events.statistics`.
    """

    events: DataFrame
    quarantine: DataFrame
    counts: dict[str, Any]
    files: list[dict[str, Any]]
    orders: DataFrame
    statistics: dict[str, Any]


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
        spark: a session.
        source: where the day's lines are.
        day: the data day (UTC); the sessions that start on it are kept complete.
        options: how to clean.
        listing: the source's listing of the day's window; None to list it now.
        earlier_orders: reads the orders that earlier days have counted, which do not count again.
        erased: pseudonyms of visitors whose events must not be kept.

    Raises:
        InputError: the source is missing, or a slice is damaged or cannot be read.
        SpecError: the program `cleaner` rejects the mapping.
        NoEventsError: nothing landed for that day, or no event is left; the error contains the reasons.
        BalanceError: the counts do not add up.
    """
    window = options.window(day)
    listing = listing or source.list_day(window)
    slices = listing.slices
    buckets = options.partitions * BUCKETS_PER_PARTITION
    values = cleaner_options(options, window, erased, buckets)
    require_usable(values, options.programs)
    cleaner = Cleaner(program_for(spark, options.programs), values, options.partitions)
    paths = source.paths(slices)
    raw = source.read(spark, slices) if paths is None else file_frame(spark, slices, paths)
    kept = cleaner.kept(raw).persist(StorageLevel.DISK_ONLY)
    counts: dict[str, Any] = {"day": day.isoformat(), "files": len(slices), "lookahead_hours": options.lookahead_hours}
    try:
        counted = collect_counts(kept)
        with place_orders(cleaner, kept, counted.groups, day, earlier_orders(spark)) as orders:
            groups = [*counted.groups, *orders.corrections]
            counts |= balance(kept_totals(groups), counted)
            require_balance(counts)
            files = counts_by_file(slices, groups, counted)
            source.require_unchanged(slices, [file["lines"] for file in files])
            require_balanced_files(counts["day"], files, counts["lines"])
            counts |= orders.counts
            require_events(counts, listing.ignored_text())
            counts |= listing.facts
            counts |= {"ignored_entries": len(listing.ignored), "ignored": recorded_text(listing.ignored_text())}
            numbers = day_profile(orders.cleaner, orders.kept, options.max_sessions_per_visitor)
            candidates = mapping_candidates(orders.cleaner, orders.kept, numbers.names, options.min_visitors_per_value)
            warnings = [*listing.warnings, *filter(None, [candidates_warning(candidates)])]
            counts |= {"mapping_candidates": candidates}
            counts |= {"warning": " ".join(warnings)} if warnings else {}
            unusable = unusable_files(files, options.min_usable_ratio)
            counts |= {"unusable_files": len(unusable), "unusable": unusable}
            events = orders.cleaner.events(orders.kept)
            yield CleanDay(events, _quarantine(cleaner, kept, slices), counts, files, orders.table, numbers.statistics)
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


def _quarantine(cleaner: Cleaner, kept: DataFrame, slices: tuple[Slice, ...]) -> DataFrame:
    names = pa.table({"slice": pa.array(range(len(slices)), pa.int32()), "file": recorded_names(slices)})
    named = cleaner.quarantine(kept).join(F.broadcast(kept.sparkSession.createDataFrame(names)), "slice", "left")
    return named.select(*(F.col(name).cast(type_).alias(name) for name, type_ in QUARANTINE_SCHEMA.items()))
