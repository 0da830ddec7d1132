"""Events of typed columns, as tables of a lake have them, in the form in which the program `cleaner` reads them."""

from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from leapline.snowplow.enriched import FIELDS
from leapline.sources.source import EVENT_COLUMN

TYPED: Final = ("slice", "landed_on", "hash", "collector", "derived", "fields")
_NOT_TEXTS: Final = ("entities", EVENT_COLUMN)
_JSON: Final = ("contexts", "unstruct_event")


def typed_names(raw: DataFrame) -> list[str]:
    """Return the columns of the enriched event that `typed_frame` puts into `fields`, in their order."""
    return [*_texts(raw), *_JSON]


def typed_frame(raw: DataFrame) -> DataFrame:
    """Return events with the columns of `TYPED`.

    There is no line: the hash is that of the columns that are read, and differs between events.

    Args:
        raw: columns as `leapline.sources.source.EventReads` describes them.
    """
    texts = _texts(raw)
    content = [*texts, "collector_ts", "derived_ts", *_NOT_TEXTS]
    fields = F.array(*(F.col(f"`{name}`") for name in texts), _entities(), _event())
    return raw.select(
        "slice",
        "landed_on",
        F.xxhash64(*content).alias("hash"),
        F.unix_micros("collector_ts").alias("collector"),
        F.unix_micros("derived_ts").alias("derived"),
        fields.alias("fields"),
    )


def _texts(raw: DataFrame) -> list[str]:
    return [name for name, type_ in raw.dtypes if type_ == "string" and name in FIELDS]


def _entities() -> Column:
    return F.to_json(F.struct(F.col("entities").alias("data")))


def _event() -> Column:
    return F.to_json(F.struct(F.struct(F.col(EVENT_COLUMN).alias("data")).alias("data")))
