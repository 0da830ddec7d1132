"""Delta and Iceberg: where a table is, which version it has, and how Spark reads one version."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Literal

from pyspark.errors import PySparkException
from pyspark.errors.exceptions.base import AnalysisException

from leapline.errors import SourceError, SourceUnusableError
from leapline.storage import Store

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Format = Literal["delta", "iceberg"]
_METADATA: Final[dict[str, str]] = {"delta": "_delta_log", "iceberg": "metadata"}
_UNSUPPORTED: Final = re.compile(r"UNSUPPORTED_FEATURES?_FOR_READ|INVALID_PROTOCOL_VERSION|Unsupported format version|"
                                 r"Cannot read unsupported version")  # fmt: skip
_GONE: Final = re.compile(r"FILE_NOT_EXIST|FileNotFoundException|File does not exist|NotFoundException")


@dataclass(frozen=True)
class TableAddress:
    """A table.

    Args:
        format: its format.
        table: a path, an address `s3://...`, or a name in a catalogue of Spark.
        store: the folder or bucket prefix of the table; None for a name.
    """

    format: Format
    table: str
    store: Store | None = None

    @property
    def name(self) -> str:
        """The table's name in messages."""
        return f"{self.format.capitalize()} table {self.table}"

    @property
    def location(self) -> str:
        """The address under which Spark reads the table."""
        return self.store.spark_address("").rstrip("/") if self.store else self.table

    def require_table(self) -> None:
        """Check without Spark that a folder or prefix contains a table of the format.

        Raises:
            SourceUnusableError: it does not.
            StorageError: the bucket cannot be read.
        """
        if self.store is None or self._has(self.format):
            return
        others = [name for name in _METADATA if name != self.format and self._has(name)]
        files = [item.key for item in islice(self.store.list(), 100) if item.key.endswith(".parquet")]
        if others:
            problem, fix = f"a table of the format {others[0]}", f"Set LEAPLINE_SOURCE={others[0]}."
        elif files:
            problem = f"Parquet files without a table's metadata, such as {files[0]}"
            fix = "Name the folder of a table, or let Snowplow's Lake Loader write one."
        else:
            problem, fix = "no such table", "Correct LEAPLINE_SOURCE_TABLE, or check the Lake Loader."
        raise SourceUnusableError(
            self.name, found=problem, expected=f"a folder with {_METADATA[self.format]}/", fix=fix
        )

    def version(self, spark: "SparkSession") -> str:
        """Return the current version of a Delta table, or the current snapshot of an Iceberg table; empty if none."""
        with self.named_errors():
            if self.format == "delta":
                target = f"delta.`{self.location}`" if self.store else self.table
                row = spark.sql(f"DESCRIBE HISTORY {target} LIMIT 1").head()
                return str(row["version"]) if row else ""
            snapshot = self._iceberg(spark).currentSnapshot()
            return str(snapshot.snapshotId()) if snapshot is not None else ""

    def frame(self, spark: "SparkSession", version: str) -> "DataFrame":
        """Return a version of the table."""
        with self.named_errors():
            if self.format == "delta" and self.store is None:
                return spark.sql(f"SELECT * FROM {self.table} VERSION AS OF {int(version)}")  # noqa: S608 - settings check the name
            reader = spark.read.format(self.format)
            return (reader.option("versionAsOf", version) if version else reader).load(self.location)

    @contextmanager
    def named_errors(self) -> Iterator[None]:
        """Turn Spark's errors about the table into errors that say what to do.

        Raises:
            SourceUnusableError: there is no such table, or it has features that this version of the format does not.
            SourceError: a file of it was removed.
        """
        try:
            yield
        except Exception as exc:
            if not isinstance(exc, PySparkException) and "Py4JJavaError" not in type(exc).__name__:
                raise
            text = str(exc)
            if _UNSUPPORTED.search(text):
                problem, fix = _first_line(text), "Turn the feature off in the table, or use a newer Leapline."
                error: SourceError = self._unusable(problem, "a table that this version can read", fix)
            elif "TABLE_OR_VIEW_NOT_FOUND" in text or "NoSuchTable" in text or "DELTA_MISSING" in text:
                fix = "Correct LEAPLINE_SOURCE_TABLE, or configure its catalogue in Spark (docs/sources.md)."
                error = self._unusable("no such table", "a table of events", fix)
            elif _GONE.search(text):
                error = SourceError(
                    self.name, found="a file that was removed while the table was read",
                    expected="old files to be kept for some days",
                    fix="Run the step again; vacuum or expire only what is older than a run.",
                )  # fmt: skip
            elif isinstance(exc, AnalysisException):
                error = self._unusable(_first_line(text), f"a table of the format {self.format}", "Check the table.")
            else:
                raise
            raise error from exc

    def _has(self, format_: str) -> bool:
        return self.store is not None and any(True for _ in islice(self.store.list(_METADATA[format_]), 1))

    def _iceberg(self, spark: "SparkSession") -> Any:
        jvm: Any = spark._jvm
        if self.store is None:
            return jvm.org.apache.iceberg.spark.Spark3Util.loadIcebergTable(spark._jsparkSession, self.table)
        return jvm.org.apache.iceberg.hadoop.HadoopTables(spark._jsc.hadoopConfiguration()).load(self.location)

    def _unusable(self, found: str, expected: str, fix: str) -> SourceUnusableError:
        return SourceUnusableError(self.name, found=found, expected=expected, fix=fix)


def _first_line(text: str) -> str:
    return next((line for line in text.splitlines() if line.strip()), "")[:300]
