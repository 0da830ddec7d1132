"""The event source for a table of Snowplow's Lake Loader. Spark reads its typed columns; there are no lines.

The rows are chosen by their time of arrival, as for the other tables. Only the files of the day are read: those before
it are left out by the partition of `load_tstamp`, those after it by the statistics of `collector_tstamp`, which the
loader collects. All is read from one version of the table, which is in the report of the step.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import gcd
from typing import TYPE_CHECKING, Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from leapline.errors import SourceUnusableError
from leapline.snowplow.enriched import FIELDS
from leapline.sources.lake.columns import event_columns
from leapline.sources.lake.formats import TableAddress
from leapline.sources.source import DayWindow, EventReads, Listing, Slice
from leapline.sources.tables.events_table import JSON_COLUMNS, Arrivals, listed, require_day
from leapline.sources.tables.time_slices import COLLECTOR, DERIVED, DayRows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOADED: Final = "load_tstamp"
_CLOCKS: Final = timedelta(hours=1)
"""How far the loader's clock may be behind the collector's."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TIMES: Final = (T.TimestampType, T.TimestampNTZType)


@dataclass(frozen=True)
class LakeTable:
    """A table of events.

    Args:
        address: of the table.
        reads: what cleaning reads.
        spark: a session, for listing; None before Spark starts.
        require_complete: whether an incomplete day is an error.
    """

    address: TableAddress
    reads: EventReads
    spark: "SparkSession | None" = None
    require_complete: bool = True

    @property
    def name(self) -> str:
        """The source's name in messages."""
        return self.address.name

    def require_table(self) -> None:
        """Check what can be checked without Spark.

        Raises:
            SourceUnusableError: there is no table of the format, or the mapping reads the text of a column of JSON.
        """
        if texts := sorted(self.reads.texts & set(JSON_COLUMNS)):
            raise SourceUnusableError(
                self.name,
                found=f"an event mapping that reads the text of {', '.join(texts)}",
                expected="a mapping that reads fields, because the table has no such text",
                fix='Name the field as {"entity": ..., "field": ...} or {"event": ...}.',
            )
        self.address.require_table()

    def list_day(self, window: DayWindow) -> Listing:
        """List the day's slices of time in the current version of the table, as `EventSource.list_day`.

        Raises:
            SourceUnusableError: the table or a column is missing, or has another type.
            NoEventsError: no event arrived on the day.
            IncompleteDayError: the table does not have the day's end.
        """
        self.require_table()
        if self.spark is None:
            raise RuntimeError("a table is listed by Spark, which has not started")
        version = self.address.version(self.spark)
        frame = self.address.frame(self.spark, version)
        _require_columns(self.address, frame.schema, self.reads)
        rows, files = DayRows(window), [0]

        def arrivals(start: datetime, end: datetime) -> Arrivals:
            span, files[0] = self._span(frame.where(_arrived(frame, start, end)))
            return span

        warnings = require_day(self.name, rows, self.require_complete, arrivals, lambda: self._span(frame)[0])
        slices = tuple(replace(item, version=version) for item in rows.slices(0))
        return Listing(slices, warnings=tuple(warnings), facts={"source_version": version, "source_files": files[0]})

    def read(self, spark: "SparkSession", slices: Sequence[Slice]) -> DataFrame:
        """Return the events of slices that follow each other without gaps, as `EventSource.read`."""
        frame = self.address.frame(spark, slices[0].version if slices else self.address.version(spark))
        if not slices:
            frame = frame.limit(0)
        number = _slice_number(slices) if slices else F.lit(0)
        landed_on = F.col(COLLECTOR).cast("date").alias("landed_on")
        columns = event_columns(frame.schema, self.reads)
        return day_rows(frame, slices).select(number.alias("slice"), landed_on, *columns)

    def require_unchanged(self, slices: Sequence[Slice], lines: Sequence[int]) -> None:
        """Do nothing: a version of a table does not change."""

    def paths(self, slices: Sequence[Slice]) -> None:
        """Return None: Spark reads the events, as `EventSource.paths`."""

    def close(self) -> None:
        """Do nothing: nothing is exported."""

    def _span(self, frame: DataFrame) -> tuple[Arrivals, int]:
        """Return when the first and the last event arrived, and the number of files that have events."""
        arrivals = frame.select(F.col(COLLECTOR).cast("timestamp").alias("at"), F.input_file_name().alias("file"))
        first, last = F.unix_micros(F.min("at")), F.unix_micros(F.max("at"))
        with self.address.named_errors():
            row = arrivals.agg(first, last, F.count_distinct("file")).head()
        if row is None or row[0] is None:
            return None, 0
        return (_instant(row[0]), _instant(row[1])), row[2]


def day_rows(frame: DataFrame, slices: Sequence[Slice]) -> DataFrame:
    """Return the rows of slices that follow each other without gaps.

    Args:
        frame: a version of the table.
        slices: of `DayRows.slices`.
    """
    if not slices:
        return frame
    near = F.expr(slices[0].location)
    return frame.where(_arrived(frame, slices[0].landed_from, slices[-1].landed_until) & near)


def _arrived(frame: DataFrame, start: datetime, end: datetime) -> Column:
    arrived = (F.col(COLLECTOR) >= F.lit(start)) & (F.col(COLLECTOR) < F.lit(end))
    return arrived & (F.col(LOADED) >= F.lit(start - _CLOCKS)) if LOADED in frame.columns else arrived


def _slice_number(slices: Sequence[Slice]) -> Column:
    """Return the index of the slice of a row: a table lookup, because a chain of comparisons is slow."""
    bounds = [(item.landed_from - _EPOCH) // timedelta(seconds=1) for item in slices]
    bounds.append((slices[-1].landed_until - _EPOCH) // timedelta(seconds=1))
    step = gcd(*(bound - bounds[0] for bound in bounds))
    numbers = [n for n in range(len(slices)) for _ in range((bounds[n + 1] - bounds[n]) // step)]
    seconds = F.unix_seconds(F.col(COLLECTOR).cast("timestamp")) - bounds[0]
    place = F.floor(seconds / step).cast("int")
    return F.get(F.array(*map(F.lit, numbers)), place).cast("int")


def _require_columns(address: TableAddress, schema: T.StructType, reads: EventReads) -> None:
    needed = [n for n in FIELDS if n in reads.columns | {COLLECTOR, DERIVED} and n not in JSON_COLUMNS]
    expected, fix = "the columns of Snowplow's Lake Loader", "Check that the table is the loader's table of events."
    if missing := [name for name in needed if name not in schema.names]:
        raise SourceUnusableError(address.name, found=f"no column {listed(missing)}", expected=expected, fix=fix)
    wrong = [n for n in (COLLECTOR, DERIVED) if not isinstance(schema[n].dataType, _TIMES)]
    nested = (T.StructType, T.ArrayType, T.MapType, T.BinaryType)
    wrong += [n for n in needed if isinstance(schema[n].dataType, nested)]
    if wrong:
        types = listed([f"{name} of type {schema[name].dataType.simpleString()}" for name in wrong])
        raise SourceUnusableError(address.name, found=types, expected=expected, fix=fix)


def _instant(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
