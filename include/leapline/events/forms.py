"""The two forms in which a source provides events: lines of the enriched format, or typed columns.

A form turns what the source has read into the same columns, on which all further rules of cleaning work.
"""

from collections.abc import Sequence
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from leapline.events import lines, mapping_sql
from leapline.events.event_form import EventForm
from leapline.events.mapping import Mapping
from leapline.sources.source import EVENT_COLUMN, EventReads

_TIMES: Final = ("collector_ts", "derived_ts")


class LineForm:
    """Lines of the enriched format.

    Args:
        mapping: the site's mapping.
        widths: the accepted numbers of columns per line.
    """

    def __init__(self, mapping: Mapping, widths: range) -> None:
        self._mapping, self._widths = mapping, widths
        self.event_data = mapping_sql.event_data(mapping)

    def size(self) -> Column:
        """Return the bytes of the line, as `EventForm.size`."""
        return F.octet_length("line").cast("long") + 1

    def with_times(self, raw: DataFrame) -> DataFrame:
        """Read the times from the line's ends, as `EventForm.with_times`."""
        return lines.with_times(raw, self._widths)

    def split(self, timed: DataFrame) -> DataFrame:
        """Split the line, as `EventForm.split`."""
        return lines.split_fields(timed, self._mapping, self._widths)

    def entities(self, usable: Column) -> Column:
        """Parse the JSON column `contexts`, as `EventForm.entities`."""
        return mapping_sql.entities(F.when(usable, F.col("contexts")), mapping_sql.entity_fields(self._mapping))

    def derived(self, usable: Column) -> Column:
        """Parse `derived_contexts` where its text may contain a robot, as `EventForm.derived`."""
        bots = self._mapping.entity_tests("bot")
        robots = F.when(usable & mapping_sql.may_have_entity("derived_contexts", bots), F.col("derived_contexts"))
        return mapping_sql.entities(robots, sorted({test.field for test in bots}))


class ColumnForm:
    """Typed columns, as `leapline.sources.source.EventReads` describes them.

    Such events were parsed and validated by the loader, so only the checks of values remain. There is no line: the
    hash is that of the columns that are read, and the number of bytes is zero.
    """

    event_data = EVENT_COLUMN

    def size(self) -> Column:
        """Return zero: there is no line."""
        return F.lit(0).cast("long")

    def with_times(self, raw: DataFrame) -> DataFrame:
        """Take the times of the table, as `EventForm.with_times`."""
        ts = F.coalesce("derived_ts", "collector_ts")
        return raw.select("*", ts.alias("ts"), F.col("collector_ts").isNull().alias("untimed"))

    def split(self, timed: DataFrame) -> DataFrame:
        """Take the columns of the table, as `EventForm.split`."""
        texts = [name for name, type_ in timed.dtypes if type_ == "string" and not name.startswith("_")]
        content = [*texts, *_TIMES, "entities", EVENT_COLUMN]
        hashed = F.lower(F.lpad(F.hex(F.xxhash64(*content)), 16, "0"))
        form = F.when(F.concat_ws("", *texts).contains("\0"), F.lit("nul_byte"))
        values = [F.when(~F.col(name).isin(*lines.NULLS), F.col(name)).alias(name) for name in texts]
        others = [name for name in timed.columns if name not in {*texts, "derived_ts"}]
        nothing = F.lit(None).cast("int")
        fields = timed.select(
            *others, *values, hashed.alias("line_hash"), F.lit(0).alias("line_bytes"), nothing.alias("width"),
            form.alias("form"),
        )  # fmt: skip
        return fields.select("*", lines.damage().alias("damage")).drop("form", "untimed")

    def entities(self, usable: Column) -> Column:
        """Return the entities of the table, as `EventForm.entities`."""
        return F.when(usable, F.col("entities"))

    def derived(self, usable: Column) -> Column:
        """Return the same entities: the table has those of `contexts` and `derived_contexts` in the same columns."""
        return self.entities(usable)


def form_of(columns: Sequence[str], mapping: Mapping, widths: range) -> EventForm:
    """Return the form of the events of a source.

    Args:
        columns: of the frame that the source returns.
        mapping: the site's mapping.
        widths: the accepted numbers of columns per line.
    """
    return LineForm(mapping, widths) if "line" in columns else ColumnForm()


def reads_of(mapping: Mapping) -> EventReads:
    """Return what cleaning reads of an event with a mapping."""
    bots = mapping.entity_tests("bot")
    return EventReads(
        lines.columns_read(mapping),
        frozenset(mapping_sql.entity_names(mapping)),
        tuple(sorted({*mapping_sql.entity_fields(mapping), *(test.field for test in bots)})),
        tuple(mapping_sql.event_fields(mapping)),
        frozenset(mapping_sql.columns_named(mapping)),
    )
