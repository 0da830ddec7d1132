"""The event source for an events table in Redshift.

The cluster itself writes the day's rows into the bucket of the lake (UNLOAD), in the form of landed files, so that the
same reader and the same rules follow and no row passes through this process.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from leapline.errors import BalanceError, SettingsError, SourceUnusableError
from leapline.snowplow.enriched import FIELDS
from leapline.sources.redshift.api import DataApi
from leapline.sources.redshift.unload import Unloaded, as_text, unload, unloaded_files
from leapline.sources.source import DayWindow, Listing, Slice
from leapline.sources.tables.events_table import (
    Arrivals,
    missing_json,
    require_columns,
    require_day,
    require_lines,
    select_list,
)
from leapline.sources.tables.export_folder import export_folder
from leapline.sources.tables.time_slices import COLLECTOR, DayRows, between
from leapline.sources.text_files import read_text_files
from leapline.storage import Store

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_UTC: Final = "SET timezone TO 'UTC'"


@dataclass(frozen=True)
class RedshiftOptions:
    """The options of the source; the settings document each.

    Args:
        address: as in `DataApi`.
        table: schema.table.
        role: IAM role with which the cluster writes; `default` for the cluster's.
        region: of the lake's bucket; empty if it is the cluster's.
        require_complete: whether an incomplete day is an error.
    """

    address: str
    table: str = "atomic.events"
    role: str = "default"
    region: str = ""
    require_complete: bool = True


class RedshiftSource:
    """A table of enriched events.

    Args:
        options: address, table and role.
        columns: of the enriched event that are read; None for all.
        store: the bucket that gets the export.
        client: boto3's client of `redshift-data`.
    """

    def __init__(self, options: RedshiftOptions, columns: frozenset[str] | None, store: Store, client: Any) -> None:
        self._options, self._columns, self._store = options, columns or frozenset(FIELDS), store
        self._api = DataApi(client, options.address, self.name)
        schema, _, table = options.table.partition(".")
        self._sql = f'"{schema}"."{table}"'
        self._opened = ExitStack()
        self._rows: list[int] = []

    @property
    def name(self) -> str:
        """The source's name in messages."""
        return f"table {self._options.table} of {self._options.address.partition('?')[0]}"

    def list_day(self, window: DayWindow) -> Listing:
        """List the day's slices of time, as `EventSource.list_day`.

        Raises:
            SettingsError: the lake is not in a bucket.
            SourceError: the database or the table cannot be used.
            NoEventsError: no event arrived on the day.
            IncompleteDayError: the table does not have the day's end.
        """
        self._require_bucket()
        rows, options = DayRows(window), self._options
        warnings = missing_json(self.name, self._types(), self._columns)
        warnings += require_day(self.name, rows, options.require_complete, self._arrivals, self._all_arrivals)
        return Listing(rows.slices(0, whole_days=True), warnings=tuple(warnings))

    def read(self, spark: "SparkSession", slices: Sequence[Slice]) -> "DataFrame":
        """Export the slices and return their lines, as `EventSource.read`."""
        self.close()
        if not slices:
            return read_text_files(spark, [])
        try:
            exported = self._export(slices)
        except BaseException:
            self.close()
            raise
        self._rows = [sum(file.rows for file in files) for files in exported]
        addresses = [
            (self._store.spark_address(file.key), replace(item, size=file.size))
            for item, files in zip(slices, exported, strict=True)
            for file in files
        ]
        return read_text_files(spark, addresses, [n for n, files in enumerate(exported) for _ in files])

    def require_unchanged(self, slices: Sequence[Slice], lines: Sequence[int]) -> None:
        """Compare the lines that were read with those that were exported, as `EventSource.require_unchanged`."""
        require_lines(self.name, slices, self._rows, lines)

    def paths(self, slices: Sequence[Slice]) -> None:
        """Return None: Spark reads the events, as `EventSource.paths`."""

    def close(self) -> None:
        """Remove the exported files."""
        self._opened.close()

    def _export(self, slices: Sequence[Slice]) -> list[list[Unloaded]]:
        """Export slices that follow each other without gaps, in one transaction, and return the files of each."""
        folder = self._opened.enter_context(export_folder(self._store))
        columns = select_list(self._types(), as_text)
        prefixes = [f"{folder}/{number:04d}" for number in range(len(slices))]
        statements = [_UTC, f"SELECT count(*) FROM {self._sql} WHERE {_condition(slices[0], slices[-1])}"]
        for item, prefix in zip(slices, prefixes, strict=True):
            query = f"SELECT {columns} FROM {self._sql} WHERE {_condition(item, item)}"
            address = self._store.spark_address(f"{prefix}/").replace("s3a://", "s3://")
            statements.append(unload(query, address, self._options.role, self._options.region))
        counted = self._api.transaction(statements, counted=1)[0][0]
        exported = [unloaded_files(self._store, prefix, self.name) for prefix in prefixes]
        total = sum(file.rows for files in exported for file in files)
        if total != counted:
            raise BalanceError(
                f"export of {self.name}",
                found=f"{total:,} rows in its manifests",
                expected=f"{counted:,}, as the database has counted",
                fix="Run the step again.",
            )
        return exported

    def _types(self) -> dict[str, str]:
        """Return column -> type of the columns that are read.

        Raises:
            SourceUnusableError: there is no such table, or a column is missing.
        """
        schema, _, table = self._options.table.partition(".")
        rows = self._api.query(
            "SELECT column_name, data_type FROM svv_columns WHERE table_schema = :schema AND table_name = :table",
            schema=schema,
            table=table,
        )
        if not rows:
            raise SourceUnusableError(
                self.name,
                found="no such table, or no right to read it",
                expected=f"{self._options.table} with Snowplow's columns",
                fix=f"Correct LEAPLINE_SOURCE_TABLE, or GRANT USAGE ON SCHEMA {schema} and SELECT ON "
                f"{self._options.table} to the user.",
            )
        types = dict(rows)
        require_columns(self.name, self._options.table, types, self._columns)
        return {name: type_ for name, type_ in types.items() if name in self._columns}

    def _arrivals(self, start: datetime, end: datetime) -> Arrivals:
        return self._span(f" WHERE {between(COLLECTOR, start, end)}")

    def _all_arrivals(self) -> Arrivals:
        return self._span("")

    def _span(self, where: str) -> Arrivals:
        first, last = (f"to_char({side}({COLLECTOR}), 'YYYY-MM-DD HH24:MI:SS.US')" for side in ("min", "max"))
        statements = [_UTC, f"SELECT {first}, {last} FROM {self._sql}{where}"]
        ((start, end),) = self._api.transaction(statements, counted=1)
        return (_parsed(start), _parsed(end)) if start is not None else None

    def _require_bucket(self) -> None:
        if self._store.folder is not None:
            raise SettingsError(
                "setting lake (LEAPLINE_LAKE)",
                found=f"the folder {self._store.folder}",
                expected="s3://bucket/prefix, because Redshift exports the day's events into it",
                fix="Set LEAPLINE_LAKE to a bucket in the region of the database.",
            )


def _condition(first: Slice, last: Slice) -> str:
    return f"{between(COLLECTOR, first.landed_from, last.landed_until)} AND {first.location}"


def _parsed(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
