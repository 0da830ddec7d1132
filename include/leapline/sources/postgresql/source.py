"""The event source for an events table in PostgreSQL, such as the `atomic.events` of Snowplow's loader.

A day is listed by queries that use the table's index or partitions. It is read by exporting its rows into the form of
landed files, so that the same reader and the same rules follow.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from leapline.snowplow.enriched import FIELDS
from leapline.sources.postgresql.export import EXTENSION, Export
from leapline.sources.postgresql.session import described, session
from leapline.sources.postgresql.table import EventTable, Plan
from leapline.sources.readable_names import ReadableNames
from leapline.sources.source import DayWindow, Listing, Slice
from leapline.sources.tables.events_table import missing_json, require_day, require_lines
from leapline.sources.tables.export_folder import export_folder
from leapline.sources.tables.time_slices import COLLECTOR, DayRows
from leapline.sources.text_files import read_text_files
from leapline.storage import LocalStore, Store

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@dataclass(frozen=True)
class PostgresqlOptions:
    """The options of the source; the settings document each.

    Args:
        address: libpq's URI, without a password.
        table: schema.table.
        sessions: connections that export at the same time.
        require_complete: whether an incomplete day is an error.
    """

    address: str = "postgresql://"
    table: str = "atomic.events"
    sessions: int = 4
    require_complete: bool = True


class PostgresqlSource:
    """A table of enriched events.

    Args:
        options: address and table.
        columns: of the enriched event that are read; None for all.
        store: gets the exported files; the executors can read it.
        staging: local store for files on their way to a bucket.
    """

    def __init__(
        self, options: PostgresqlOptions, columns: frozenset[str] | None, store: Store, staging: LocalStore
    ) -> None:
        self._options, self._columns = options, columns or frozenset(FIELDS)
        self._store, self._staging = store, staging
        self._table = EventTable(self.name, options.table)
        self._opened = ExitStack()
        self._rows: list[int] = []

    @property
    def name(self) -> str:
        """The source's name in messages."""
        return f"table {self._options.table} of PostgreSQL at {described(self._options.address)}"

    def list_day(self, window: DayWindow) -> Listing:
        """List the day's slices of time, as `EventSource.list_day`.

        Raises:
            SourceError: the database or the table cannot be used.
            NoEventsError: no event arrived on the day.
            IncompleteDayError: the table does not have the day's end.
        """
        rows = DayRows(window)
        with session(self._options.address, self.name) as connection:
            types = self._table.types(connection, self._columns)
            plan = self._table.plan(connection, window.start, window.end)
            warnings = [*missing_json(self.name, types, self._columns), *self._slow(plan)]
            warnings += require_day(
                self.name,
                rows,
                self._options.require_complete,
                lambda start, end: self._table.arrivals(connection, start, end),
                lambda: self._table.all_arrivals(connection),
            )
        return Listing(rows.slices(plan.rows, plan.scanned > 0), warnings=tuple(warnings))

    def read(self, spark: "SparkSession", slices: Sequence[Slice]) -> "DataFrame":
        """Export the slices and return their lines, as `EventSource.read`."""
        self.close()
        if not slices:
            return read_text_files(spark, [])
        try:
            return read_text_files(spark, self._exported(slices))
        except BaseException:
            self.close()
            raise

    def require_unchanged(self, slices: Sequence[Slice], lines: Sequence[int]) -> None:
        """Compare the lines that were read with those that were exported, as `EventSource.require_unchanged`."""
        require_lines(self.name, slices, self._rows, lines)

    def paths(self, slices: Sequence[Slice]) -> None:
        """Return None: Spark reads the events, as `EventSource.paths`."""

    def close(self) -> None:
        """Remove the exported files."""
        self._opened.close()

    def _exported(self, slices: Sequence[Slice]) -> list[tuple[str, Slice]]:
        """Export slices; return for each an address for Spark, and a slice of the file's size."""
        folder = self._opened.enter_context(export_folder(self._store))
        with ExitStack() as until_uploaded:
            local = self._store.folder and self._store.folder / folder
            if not local:
                local = self._staging.folder / until_uploaded.enter_context(export_folder(self._staging))
            results = Export(self._options.address, self._table, self._columns, local).run(
                slices, self._options.sessions
            )
            self._rows = [result.rows for result in results]
            names = ReadableNames()
            return [
                self._file(names, item, f"{folder}/{result.path.name}", result.path)
                for item, result in zip(slices, results, strict=True)
            ]

    def _file(self, names: ReadableNames, item: Slice, key: str, path: Path) -> tuple[str, Slice]:
        size = path.stat().st_size if path.exists() else 0
        if size and self._store.folder is None:
            self._store.upload(key, path)
            path.unlink()
        address = self._store.spark_address(key)
        file = Slice(item.name, address, item.landed_from, item.landed_until, size, EXTENSION)
        return names.address(file, self._store, key), file

    def _slow(self, plan: Plan) -> list[str]:
        index = f"CREATE INDEX CONCURRENTLY ON {self._options.table} ({COLLECTOR});"
        text = f"The database reads {plan.scanned / 2**30:.1f} GB completely to find a day: {index}"
        return [text] if plan.scanned else []
