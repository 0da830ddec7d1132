"""An events table in PostgreSQL: its columns, its newest event, and how the database finds a day in it."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from leapline.errors import SourceUnusableError
from leapline.sources.tables.events_table import TIMES, Arrivals, listed, require_columns
from leapline.sources.tables.time_slices import COLLECTOR, between

if TYPE_CHECKING:
    import psycopg

_BIG: Final = 64 * 2**20
"""Bytes from which on reading a table completely is worth a warning."""


@dataclass(frozen=True)
class Plan:
    """How the database finds the rows of a day.

    Attributes:
        rows: its estimate of their number.
        scanned: bytes of the tables that it reads completely for them, if these have far more rows; else 0.
    """

    rows: float
    scanned: int


class EventTable:
    """An events table.

    Args:
        source: the source's name, for messages.
        name: schema.table.
    """

    def __init__(self, source: str, name: str) -> None:
        self.source, self.name = source, name
        self.schema, _, self.table = name.partition(".")
        self.sql = f'"{self.schema}"."{self.table}"'

    def types(self, connection: "psycopg.Connection[Any]", columns: Collection[str]) -> dict[str, str]:
        """Return column -> type of the columns that the table has among some.

        Raises:
            SourceUnusableError: there is no such table, a column except those of JSON is missing, one may not be
                read, or the times have another type.
        """
        schema = connection.execute(
            "SELECT oid, has_schema_privilege(oid, 'USAGE') FROM pg_namespace WHERE nspname = %s", [self.schema]
        ).fetchone()
        if schema is None:
            raise self._unusable(f"no schema {self.schema}", self._elsewhere(connection))
        if not schema[1]:
            raise self._denied(
                connection, f"no right to use the schema {self.schema}", f"USAGE ON SCHEMA {self.schema}"
            )
        rows = connection.execute(
            "SELECT attname, format_type(atttypid, NULL), has_column_privilege(attrelid, attnum, 'SELECT') "
            "FROM pg_attribute JOIN pg_class c ON c.oid = attrelid "
            "WHERE relnamespace = %s AND relname = %s AND relkind IN ('r', 'p', 'v', 'm', 'f') AND attnum > 0 "
            "AND NOT attisdropped",
            [schema[0], self.table],
        ).fetchall()
        if not rows:
            raise self._unusable("no such table", self._elsewhere(connection))
        require_columns(self.source, self.name, {row[0]: row[1] for row in rows}, columns)
        if denied := sorted(name for name, _, readable in rows if name in columns and not readable):
            raise self._denied(connection, f"no right to read {listed(denied)}", f"SELECT ON {self.name}")
        return {name: type_ for name, type_, _ in rows if name in columns}

    def arrivals(self, connection: "psycopg.Connection[Any]", start: datetime, end: datetime) -> Arrivals:
        """Return when the first and the last event of some time arrived; None if there is none."""
        return self._span(connection, f"WHERE {between(COLLECTOR, start, end)}")

    def all_arrivals(self, connection: "psycopg.Connection[Any]") -> Arrivals:
        """Return when the first and the last event of the table arrived; None if it is empty."""
        return self._span(connection, "")

    def plan(self, connection: "psycopg.Connection[Any]", start: datetime, end: datetime) -> Plan:
        """Ask the database how it finds the rows that arrived from `start` until before `end`."""
        query = f"EXPLAIN (VERBOSE, FORMAT JSON) SELECT 1 FROM {self.sql} WHERE {between(COLLECTOR, start, end)}"
        top = _one(connection, query)[0]["Plan"]
        rows, size = float(top["Plan Rows"]), 0
        for node in _nodes(top):
            if node["Node Type"] == "Seq Scan":
                tuples, length = connection.execute(
                    "SELECT reltuples, pg_relation_size(oid) FROM pg_class WHERE oid = to_regclass(format('%%I.%%I', "
                    "%s::text, %s::text))",
                    [node["Schema"], node["Relation Name"]],
                ).fetchone() or (0, 0)
                size += length if tuples < 0 or tuples > 3 * node["Plan Rows"] else 0
        return Plan(rows, size if size > _BIG else 0)

    def _span(self, connection: "psycopg.Connection[Any]", where: str) -> Arrivals:
        row = connection.execute(f"SELECT min({COLLECTOR}), max({COLLECTOR}) FROM {self.sql} {where}").fetchone()
        return (_utc(row[0]), _utc(row[1])) if row and row[0] is not None else None

    def _elsewhere(self, connection: "psycopg.Connection[Any]") -> str:
        rows = connection.execute(
            "SELECT format('%I.%I', nspname, relname) FROM pg_attribute JOIN pg_class c ON c.oid = attrelid "
            "JOIN pg_namespace n ON n.oid = relnamespace WHERE attname = 'collector_tstamp' AND relkind <> 'i' "
            "AND NOT relispartition ORDER BY 1 LIMIT 3"
        ).fetchall()
        names = ", ".join(row[0] for row in rows)
        return "Set LEAPLINE_SOURCE_TABLE" + (
            f", for example to one of {names}." if names else "; no table of this database has a collector_tstamp."
        )

    def _unusable(self, found: str, fix: str) -> SourceUnusableError:
        return SourceUnusableError(self.source, found=found, expected=f"{self.name} with Snowplow's columns", fix=fix)

    def _denied(self, connection: "psycopg.Connection[Any]", found: str, privilege: str) -> SourceUnusableError:
        user = _one(connection, "SELECT quote_ident(current_user)")
        return SourceUnusableError(
            self.source, found=found, expected="the right to read it", fix=f"GRANT {privilege} TO {user};"
        )


def as_text(name: str, type_: str | None) -> str:
    """Return SQL of a column in the form of the enriched format, for `select_list`."""
    if type_ is None:
        return "NULL"
    if type_ in TIMES:
        # Snowplow writes milliseconds. Further digits are kept, because the order of events depends on them.
        digits = f"CASE WHEN extract(microseconds FROM {name})::int % 1000 = 0 THEN 'MS' ELSE 'US' END"
        return f"to_char({name}, 'YYYY-MM-DD HH24:MI:SS.' || {digits})"
    if type_ == "boolean":
        return f"{name}::int"
    return f"{name}::text" if type_ == "character" else name  # the conversion removes the padding


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _one(connection: "psycopg.Connection[Any]", query: str) -> Any:
    row = connection.execute(query).fetchone()
    return row and row[0]


def _utc(instant: datetime) -> datetime:
    return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
