"""The stages of cleaning as frames of Spark: Spark reads, exchanges and writes, the program `cleaner` looks into rows.

    lines -> scan -> (by event id) duplicates -> (by session) sessions -> kept rows

Between two stages Spark moves blocks of rows and counts; see `tasks.BLOCKS`. Kept rows are in several parts, so that a
query reads only what it needs. Counts travel with the rows of their task, so a task that Spark repeats, because its
executor was lost or because another attempt was faster, counts once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pyspark import cloudpickle
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from leapline.events.cleaner import tasks
from leapline.events.cleaner.options import encoded
from leapline.events.cleaner.typed import typed_frame, typed_names
from leapline.events.schema import SCHEMA

cloudpickle.register_pickle_by_value(tasks)

ROWS: Final[dict[str, str]] = {
    "reason": "string", "event_id": "string", "slice": "int", "line_hash": "string", "line_bytes": "int",
    "width": "int", "session": "binary", "visitor": "binary", "order": "binary",
    "former_order": "binary", "ts": "timestamp",
    "collector_ts": "timestamp", "kind": "string", "price": "double", "currency": "string", "nth": "int",
    "after_tail": "boolean",
}  # fmt: skip
"""The columns of kept rows."""
SPANS: Final[dict[str, str]] = {
    "visitor": "binary",
    "session": "binary",
    "first_ts": "timestamp",
    "last_ts": "timestamp",
}
PROFILE: Final[dict[str, str]] = {"entry": "int", "key": "binary", "a": "bigint", "b": "bigint", "c": "bigint"}
VISITORS: Final[dict[str, str]] = {"name": "string", "visitor": "string"}
BUCKETS_PER_PARTITION: Final = 16
"""A task has the rows of one bucket in memory, and the statistics of all of its own."""


@dataclass(frozen=True)
class Cleaner:
    """The stages for one day.

    Args:
        program: from `program.program_for`.
        options: from `options.cleaner_options`.
        partitions: of all results.
    """

    program: str
    options: Mapping[str, Any] = field(repr=False)
    partitions: int

    def kept(self, raw: DataFrame) -> DataFrame:
        """Return the blocks of kept rows, sorted by session, the counts, and a profile; columns of `tasks.BLOCKS`.

        Args:
            raw: lines, or events of typed columns, as a source returns them (`EventSource.read`), or files
                (`landed.file_frame`).
        """
        typed: list[str] = []
        if "line" in raw.columns:
            raw = raw.select("line", "slice", "landed_on")
        elif "path" not in raw.columns:
            raw, typed = typed_frame(raw), typed_names(raw)
        scanned = self._with(typed=typed)._blocks("scan", raw)
        return self._exchanged(self._exchanged(scanned, "duplicates"), "sessions")

    def placed(self, kept: DataFrame, placed: Mapping[str, str]) -> DataFrame:
        """Return kept rows after some orders without a session were assigned to one.

        Args:
            kept: blocks.
            placed: `placed_key` of an order's line -> pseudonym of the session, base64.
        """
        rows = _parts(kept, "events", "without_session")
        return self._exchanged(self._with(placed=placed)._blocks("place", rows), "sort")

    def orders(self, kept: DataFrame) -> DataFrame:
        """Return the rows of events with an order, columns of `ROWS`."""
        return self._table("orders", _parts(kept, "ordered"), ROWS)

    def quarantine(self, kept: DataFrame) -> DataFrame:
        """Return the rows that go into quarantine, columns of `ROWS`."""
        return self._table("rows", _parts(kept, "quarantine"), ROWS)

    def without_session(self, kept: DataFrame) -> DataFrame:
        """Return the orders that may still be assigned to a session, columns of `ROWS`."""
        return self._table("rows", _parts(kept, "without_session"), ROWS)

    def spans(self, kept: DataFrame) -> DataFrame:
        """Return the first and last time of each visitor's sessions, columns of `SPANS`."""
        return self._table("spans", _parts(kept, "events"), SPANS)

    def profile(self, kept: DataFrame) -> DataFrame:
        """Return the entries of the profile of each task, columns of `PROFILE`; see `stages/tables.go`."""
        return self._table("profile", _parts(kept, "profile", "ordered"), PROFILE)

    def visitors(self, kept: DataFrame, names: list[str]) -> DataFrame:
        """Return the visitors of unmapped pages and events, columns of `VISITORS`."""
        return self._with(names=names)._table("visitors", _parts(kept, "events"), VISITORS)

    def events(self, kept: DataFrame) -> DataFrame:
        """Return clean events, columns of `schema.SCHEMA`, a session in one partition, sorted by ts and event_id."""
        return self._table("events", _parts(kept, "events"), SCHEMA)

    def without(self, repeated: list[str]) -> "Cleaner":
        """Return the stages without the events of repeated orders, given their tracker ids."""
        return self._with(repeated=repeated)

    def _with(self, **options: Any) -> "Cleaner":
        return replace(self, options={**self.options, **options})

    def _exchanged(self, blocks: DataFrame, stage: str) -> DataFrame:
        """Run a stage on all rows of a bucket. A task has its buckets one after another, sorted."""
        partition = F.expr(f"bucket div {BUCKETS_PER_PARTITION}").cast("int")
        exchanged = blocks.repartitionById(self.partitions, partition).sortWithinPartitions("bucket")
        return self._blocks(stage, exchanged)

    def _blocks(self, stage: str, frame: DataFrame) -> DataFrame:
        return frame.mapInArrow(tasks.stage_task(stage, encoded(self.options), self.program), tasks.BLOCKS)

    def _table(self, stage: str, blocks: DataFrame, schema: Mapping[str, str]) -> DataFrame:
        return table_of(stage, blocks, self.options, self.program, schema)


def _parts(kept: DataFrame, *names: str) -> DataFrame:
    return kept.where(F.col("part").isin(*names))


def table_of(
    stage: str, rows: DataFrame, options: Mapping[str, Any], program: str, schema: Mapping[str, str]
) -> DataFrame:
    """Return the table that a stage makes of the rows of each partition.

    Args:
        stage: its name.
        rows: as the stage reads them, see `tasks.stage_task`.
        options: of the program.
        program: from `program.program_for`.
        schema: the table's columns.
    """
    columns = ", ".join(f"`{name}` {type_}" for name, type_ in schema.items())
    return rows.mapInArrow(tasks.stage_task(stage, encoded(options), program, tuple(schema.items())), columns)
