"""Export of rows by COPY, in slices of time side by side, into files of the enriched format.

All connections read the same state of the database, so the exported rows can be counted: by each COPY, and by a query
over the whole time.
"""

import queue
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from leapline.errors import BalanceError
from leapline.sources.postgresql.session import session
from leapline.sources.postgresql.table import EventTable, as_text
from leapline.sources.source import Slice
from leapline.sources.tables.copy_text import unescape
from leapline.sources.tables.events_table import select_list
from leapline.sources.tables.export_folder import create_private
from leapline.sources.tables.time_slices import COLLECTOR, between
from leapline.storage.files import named_os_errors

if TYPE_CHECKING:
    import psycopg

EXTENSION: Final = ".zst"
_BUFFER: Final = 2**20


@dataclass(frozen=True)
class Exported:
    """An exported slice.

    Attributes:
        rows: in it.
        path: the file; it does not exist if there are none.
    """

    rows: int
    path: Path


class Export:
    """An export of slices of a table.

    Args:
        address: of the database, libpq's URI.
        table: the table.
        columns: that are exported; others are empty.
        folder: local folder for the files, which only this user can read.
    """

    def __init__(self, address: str, table: EventTable, columns: frozenset[str], folder: Path) -> None:
        self._address, self._table, self._columns, self._folder = address, table, columns, folder
        self._stopped = threading.Event()

    def run(self, slices: Sequence[Slice], sessions: int) -> list[Exported]:
        """Export slices that follow each other without gaps.

        Args:
            slices: of `DayRows.slices`.
            sessions: connections at the same time, besides the one that counts.

        Raises:
            SourceError: the database ended the export.
            BalanceError: the numbers of rows do not agree.
            DiskFullError: no space was left.
        """
        todo: queue.SimpleQueue[tuple[int, Slice]] = queue.SimpleQueue()
        for numbered in enumerate(slices):
            todo.put(numbered)
        done: dict[int, Exported] = {}
        with session(self._address, self._table.source) as main, ThreadPoolExecutor(sessions) as pool:
            snapshot = _first(main, "SELECT pg_export_snapshot()")
            columns = select_list(self._table.types(main, self._columns), as_text)
            work = [pool.submit(self._work, snapshot, columns, todo, done) for _ in range(min(sessions, len(slices)))]
            try:
                condition = (
                    f"{between(COLLECTOR, slices[0].landed_from, slices[-1].landed_until)} AND {slices[0].location}"
                )
                counted = _first(main, f"SELECT count(*) FROM {self._table.sql} WHERE {condition}")
                for future in work:
                    future.result()
            except BaseException:
                self._stopped.set()
                raise
        self._require_count(sum(result.rows for result in done.values()), counted)
        return [done[number] for number in range(len(slices))]

    def _work(
        self, snapshot: str, columns: str, todo: "queue.SimpleQueue[tuple[int, Slice]]", done: dict[int, Exported]
    ) -> None:
        """Export slices until none is left."""
        try:
            with session(self._address, self._table.source, snapshot) as connection:
                while not self._stopped.is_set():
                    number, item = todo.get_nowait()
                    path = self._folder / f"{number:04d}{EXTENSION}"
                    done[number] = Exported(self._copy(connection, columns, item, path), path)
        except queue.Empty:
            return
        except BaseException:
            self._stopped.set()
            raise

    def _copy(self, connection: "psycopg.Connection[Any]", columns: str, item: Slice, path: Path) -> int:
        """Write the rows of a slice to a file, and return their number."""
        import pyarrow as pa

        condition = f"{between(COLLECTOR, item.landed_from, item.landed_until)} AND {item.location}"
        statement = f"COPY (SELECT {columns} FROM {self._table.sql} WHERE {condition}) TO STDOUT WITH (NULL '')"
        with named_os_errors(f"export of {self._table.source}", self._folder), connection.cursor() as cursor:
            with create_private(path) as file, pa.CompressedOutputStream(pa.PythonFile(file, "w"), "zstd") as out:
                lines = _write(cursor, statement, out)
            if not lines:
                path.unlink()
            self._require_count(lines, cursor.rowcount)
        return lines

    def _require_count(self, lines: int, rows: int) -> None:
        if lines != rows:
            raise BalanceError(
                f"export of {self._table.source}",
                found=f"{lines:,} lines",
                expected=f"{rows:,}, as the database has counted",
                fix="Run the step again.",
            )


def _write(cursor: "psycopg.Cursor[Any]", statement: str, out: Any) -> int:
    """Write the rows of a COPY as lines, and return their number."""
    rows: list[Any] = []
    size = lines = 0
    with cursor.copy(statement) as copy:
        for row in copy:
            rows.append(row)
            size += len(row)
            if size >= _BUFFER:
                out.write(unescape(b"".join(rows)))
                lines += len(rows)
                rows, size = [], 0
    out.write(unescape(b"".join(rows)))
    return lines + len(rows)


def _first(connection: "psycopg.Connection[Any]", query: str) -> Any:
    row = connection.execute(query).fetchone()
    return row and row[0]
