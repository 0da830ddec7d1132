"""What all tables of events have in common: their columns, and whether they have a day completely."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from leapline.errors import BalanceError, IncompleteDayError, NoEventsError, SourceUnusableError
from leapline.snowplow.enriched import FIELDS
from leapline.sources.source import Slice
from leapline.sources.tables.time_slices import COLLECTOR, DayRows

JSON_COLUMNS: Final = ("contexts", "unstruct_event", "derived_contexts")
"""The columns that a table of 128 columns lacks: its loader writes their content into other tables."""
TIMES: Final = ("timestamp without time zone", "timestamp with time zone")
_LAG: Final = timedelta(hours=1)
"""How long an event may take into the table; small sites may have no event for that long."""

Arrivals = tuple[datetime, datetime] | None
"""When the first and the last event arrived, UTC; None if there is none."""


def require_columns(source: str, table: str, types: dict[str, str], columns: Collection[str]) -> None:
    """Check that a table has some columns, except those of JSON, and that its times are times.

    Args:
        source: the source's name, for messages.
        table: schema.table.
        types: column -> type of all columns of the table.
        columns: the required ones.

    Raises:
        SourceUnusableError: a column is missing, or the times of arrival have another type.
    """
    expected = f"{table} with Snowplow's columns"
    missing = [name for name in FIELDS if name in columns and name not in types and name not in JSON_COLUMNS]
    if missing:
        raise SourceUnusableError(
            source,
            found=f"no column {listed(missing)}",
            expected=expected,
            fix="Name the columns as Snowplow does, for example in a view, and set LEAPLINE_SOURCE_TABLE to it; or "
            "leave them out of the event mapping (LEAPLINE_EVENT_MAPPING).",
        )
    if types[COLLECTOR] not in TIMES:
        raise SourceUnusableError(
            source,
            found=f"{COLLECTOR} of type {types[COLLECTOR]}",
            expected=expected,
            fix="Let a view convert it to timestamp.",
        )


def select_list(types: Mapping[str, str], as_text: Callable[[str, str | None], str]) -> str:
    """Return SQL of all columns of the enriched format, in its order and its form.

    Args:
        types: column -> type of the columns that are read.
        as_text: SQL of a column with its type, in the database's dialect; of null where the type is None.
    """
    return ", ".join(as_text(name, types.get(name)) for name in FIELDS)


def missing_json(source: str, types: Collection[str], columns: Collection[str]) -> list[str]:
    """Return a warning if a table lacks columns of JSON that are read."""
    missing = [name for name in JSON_COLUMNS if name in columns and name not in types]
    text = f"{source} has no {', '.join(missing)}: entities and self-describing events are not read."
    return [text] if missing else []


def require_day(
    source: str,
    rows: DayRows,
    require_complete: bool,
    arrivals: Callable[[datetime, datetime], Arrivals],
    all_arrivals: Callable[[], Arrivals],
) -> list[str]:
    """Check that a table has events of a day, and return a warning if the day or its tail is incomplete.

    Args:
        source: the source's name, for messages.
        rows: the day.
        require_complete: whether an incomplete day is an error.
        arrivals: queries the arrivals from a time until before another.
        all_arrivals: queries those of the whole table.

    Raises:
        NoEventsError: no event arrived on the day.
        IncompleteDayError: the day is incomplete, and that is an error.
    """
    window = rows.window
    present = arrivals(window.start, rows.last)
    if present is None or present[0] >= window.end:
        whole = all_arrivals()
        raise NoEventsError(
            f"events of {window.day} in {source}",
            found=f"rows from {whole[0]:%Y-%m-%d} to {whole[1]:%Y-%m-%d}" if whole else "no rows",
            expected=f"rows whose {COLLECTOR} is of {window.day} (UTC)",
            fix="Check that the collector and the loader ran, or choose another date.",
        )
    newest = present[1]
    if newest >= window.end + window.lookahead - _LAG:
        return []
    last_arrival = f"the newest event is of {newest:%Y-%m-%d %H:%M:%S} UTC"
    if newest < window.end - _LAG and require_complete:
        raise IncompleteDayError(
            f"events of {window.day} in {source}",
            found=last_arrival,
            expected="events up to the end of the day",
            fix="Check the loader, or set LEAPLINE_INCOMPLETE_DAY=warn to go on without the rest.",
        )
    return [f"Events of {window.day} may be missing: {last_arrival}."]


def require_lines(source: str, slices: Sequence[Slice], exported: Sequence[int], read: Sequence[int]) -> None:
    """Compare the lines that were read from each slice with the rows that were exported.

    Raises:
        BalanceError: they differ.
    """
    for item, rows, lines in zip(slices, exported, read, strict=True):
        if rows != lines:
            raise BalanceError(
                f"{item.name} in {source}",
                found=f"{lines:,} lines read",
                expected=f"{rows:,}, as many as were exported",
                fix="Run the step again.",
            )


def listed(names: list[str]) -> str:
    """Return the first names of a list, and the number of the others, as text."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
