"""The interface of an event source.

A source knows which parts of its store can hold a data day's events and how Spark reads them. It knows nothing about
the meaning of an event: the mapping and the cleaning rules are in `leapline.events`. Folders, buckets and databases
implement the same interface and pass the same test class (`tests/sources/contract.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

LINE_SCHEMA: Final = "line string, slice int, landed_on date"
"""The columns that `EventSource.read` returns for a source of lines."""
OPENED: Final = frozenset({"", ".gz", ".bz2", ".zst"})
"""The name extensions of content that tasks can decompress themselves; `""` for plain text."""
EVENT_COLUMN: Final = "_event"
"""The column with the fields of the self-describing event, for a source of typed columns."""


@dataclass(frozen=True)
class EventReads:
    """What cleaning reads of an event. A source of typed columns returns these columns:

        slice int, landed_on date, collector_ts timestamp, derived_ts timestamp
        each of `columns` except those of JSON, as a string in the form of the enriched format
        entities array<struct<schema: string, data: struct<each of entity_fields: string>>>
        _event struct<each of event_fields: string>

    Args:
        columns: of the enriched event.
        entities: entities as vendor/name.
        entity_fields: their fields.
        event_fields: fields of self-describing events.
        texts: those of `columns` whose text is read; a JSON column among them needs a source of lines.
    """

    columns: frozenset[str]
    entities: frozenset[str] = frozenset()
    entity_fields: tuple[str, ...] = ()
    event_fields: tuple[str, ...] = ()
    texts: frozenset[str] = frozenset()


@dataclass(frozen=True)
class DayWindow:
    """The times that matter for one data day, all UTC.

    Args:
        day: the data day.
        lookback: how far before the day sessions are read, to recognise those that began on the day before.
        lookahead: how far past the day's end the tails of its sessions are followed.
        days_late: days after its own on which an event may still arrive.
        first_within: days after its own on which something must have landed; None for `days_late`. Late events alone
            are no day to train on.
    """

    day: date
    lookback: timedelta
    lookahead: timedelta
    days_late: int
    first_within: int | None = None

    @property
    def start(self) -> datetime:
        """Midnight at the start of the day."""
        return datetime.combine(self.day, time(), UTC)

    @property
    def end(self) -> datetime:
        """Midnight at the end of the day."""
        return self.start + timedelta(days=1)

    @property
    def grace(self) -> timedelta:
        """Maximum delay of an event between its occurrence and its arrival."""
        return timedelta(days=self.days_late) + self.lookback


@dataclass(frozen=True)
class Slice:
    """A part of a source that is read as a unit: a file, a time slice of a table, a partition.

    Args:
        name: its name in messages and in the counts per slice; unique within the source.
        location: its address in the store: a path, a URI, a predicate.
        landed_from: the earliest time at which its events can have been enriched, UTC.
        landed_until: the latest such time; equal to `landed_from` where the name contains an exact time.
        size: its size in the store, bytes; None if unknown.
        extension: for files, the name extension that says how the content is compressed; `""` for plain text.
        modified: for files, when it was written, by the clock of the store.
        version: for tables with versions, the one that is read.
    """

    name: str
    location: str
    landed_from: datetime
    landed_until: datetime
    size: int | None = None
    extension: str = ""
    modified: datetime | None = None
    version: str = ""


@dataclass(frozen=True)
class Ignored:
    """An entry of the source that is neither read nor a marker.

    Args:
        name: its name within the source.
        reason: why it is not read.
    """

    name: str
    reason: str


@dataclass(frozen=True)
class Listing:
    """The content of a source for one day.

    Args:
        slices: the slices that can hold events of the day's sessions, by time and name.
        ignored: the entries of the whole source that are neither read nor markers.
        other_days: days of parts of the source that were not looked into.
        warnings: what the operator should know about the day in the source, one sentence each.
        facts: further facts for the counts of the day, such as the version of a table.
    """

    slices: tuple[Slice, ...]
    ignored: tuple[Ignored, ...] = ()
    other_days: tuple[date, ...] = ()
    warnings: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def ignored_text(self, limit: int = 5) -> str:
        """Return the number and names of the ignored entries as text; empty if there are none."""
        if not self.ignored:
            return ""
        names = "; ".join(f"{entry.name} ({entry.reason})" for entry in self.ignored[:limit])
        more = f" and {len(self.ignored) - limit} more" if len(self.ignored) > limit else ""
        return f"{len(self.ignored)} entries that were not understood: {names}{more}"


class EventSource(Protocol):
    """A store of enriched events."""

    @property
    def name(self) -> str:
        """The source's name in messages, such as `landing folder /data/landing`."""

    def list_day(self, window: DayWindow) -> Listing:
        """List the slices that can hold events of a day's sessions, late arrivals included.

        Called before Spark starts, so it must not need it, except for `LakeTable`.

        Raises:
            InputError: the source does not exist, or a slice has a form that cannot be read.
            SourceError: the database cannot be used.
            NoEventsError: it has nothing for that day.
        """

    def read(self, spark: "SparkSession", slices: Sequence[Slice]) -> "DataFrame":
        """Return the slices' lines, unchanged.

        Returns:
            Columns as in `EventReads`, or as in `LINE_SCHEMA`: `line` without its line end, `slice` (the slice's index
            in `slices`) and `landed_on` (the date of the slice's `landed_from`). Spark may read them again until
            `close`. A source that knows which columns are read leaves the others empty.

        Raises:
            InputError: a slice cannot be read.
            SourceError: the database ended the export.
        """

    def paths(self, slices: Sequence[Slice]) -> "Sequence[Path] | None":
        """Return the files with the slices' lines, one per slice, if tasks can open and decompress them themselves.

        `read` returns the same lines. Reading a file beside the JVM costs a fraction of it.
        """

    def require_unchanged(self, slices: Sequence[Slice], lines: Sequence[int]) -> None:
        """Check after reading that the slices are still those that were listed, and were read completely.

        Args:
            slices: as listed.
            lines: the number of lines that were read from each slice.

        Raises:
            SourceChangedError: a slice was replaced or removed meanwhile.
            BalanceError: another number of lines was exported.
        """

    def close(self) -> None:
        """Remove what `read` has exported; may be called several times."""
