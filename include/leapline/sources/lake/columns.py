"""The columns of a table that Snowplow's Lake Loader writes, in the form in which cleaning reads them.

The loader writes a typed column per column of the enriched event, a struct per schema of self-describing events, and
an array of structs per schema of entities. Names are in snake case with the model of the schema:

    unstruct_event_com_acme_link_click_1
    contexts_com_acme_product_1, contexts_com_acme_product_1_recovered_1_0_1_9b8f2c1d
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

from leapline.snowplow.enriched import FIELDS
from leapline.sources.source import EVENT_COLUMN, EventReads
from leapline.sources.tables.events_table import JSON_COLUMNS

_WHOLE: Final = 2**53
"""Whole numbers below it are exact in a double."""
_UNSTRUCT: Final = re.compile(r"unstruct_event_\w+_\d+(_recovered_\w+)?")


def event_columns(schema: T.StructType, reads: EventReads) -> list[Column]:
    """Return the columns that `EventReads` describes, except `slice` and `landed_on`.

    Args:
        schema: of the table; it has the columns that are read.
        reads: what is read.
    """
    names = [name for name in FIELDS if name in reads.columns and name not in JSON_COLUMNS]
    texts = [as_text(F.col(f"`{name}`"), schema[name].dataType).alias(name) for name in names]
    times = [F.col(f"{name}_tstamp").cast("timestamp").alias(f"{name}_ts") for name in ("collector", "derived")]
    return [*times, *texts, _entities(schema, reads), _event(schema, reads)]


def as_text(value: Column, type_: T.DataType, json: bool = False) -> Column:
    """Return a typed value as the text that it has in the enriched format.

    Args:
        value: of a column or of a field.
        type_: its type.
        json: whether it is a field of a self-describing event or an entity, whose text is JSON.
    """
    match type_:
        case T.StringType():
            return value
        case T.BooleanType():
            return value.cast("string") if json else value.cast("int").cast("string")
        case T.DoubleType() | T.FloatType():
            # A loader reads `10` as a double; its text is not `10.0`.
            whole = (F.floor(value) == value) & (F.abs(value) < _WHOLE)
            return F.when(whole, value.cast("long").cast("string")).otherwise(value.cast("string"))
        case T.TimestampType() | T.TimestampNTZType():
            micros = F.date_format(value, "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'" if json else "yyyy-MM-dd HH:mm:ss.SSSSSS")
            return micros if json else F.regexp_replace(micros, "000$", "")
        case T.StructType() | T.ArrayType() | T.MapType():
            return F.to_json(value)
    return value.cast("string")


def snake_case(name: str) -> str:
    """Return the name of a schema or a field as the loader writes it."""
    return re.sub("([^A-Z_])([A-Z])", r"\1_\2", re.sub("[.-]", "_", name)).lower()


def entity_columns(schema: T.StructType, entity: str) -> list[str]:
    """Return the columns of an entity, by model; the columns of versions that could not be merged follow.

    Args:
        schema: of the table.
        entity: vendor/name.
    """
    vendor, _, name = entity.partition("/")
    prefix = f"contexts_{re.sub('[.-]', '_', vendor).lower()}_{snake_case(name)}"
    matches = ((column, re.fullmatch(rf"{prefix}_(\d+)(_recovered_\w+)?", column)) for column in schema.names)
    return [c for _, _, c in sorted((int(m[1]), m[2] or "", column) for column, m in matches if m)]


def _entities(schema: T.StructType, reads: EventReads) -> Column:
    parts = [
        _entity(F.col(f"`{column}`"), type_.elementType, entity, reads.entity_fields)
        for entity in sorted(reads.entities)
        for column in entity_columns(schema, entity)
        if isinstance(type_ := schema[column].dataType, T.ArrayType) and isinstance(type_.elementType, T.StructType)
    ]
    data = ",".join(f"`{name}`:string" for name in reads.entity_fields)
    none = F.array().cast(f"array<struct<schema:string,data:struct<{data}>>>")
    present = [F.coalesce(part, none) for part in parts]
    return (F.concat(*present) if present else none).alias("entities")


def _entity(column: Column, type_: T.StructType, entity: str, fields: Sequence[str]) -> Column:
    def described(row: Column) -> Column:
        data = F.struct(*_fields(row, type_, fields))
        return F.struct(F.lit(f"iglu:{entity}/").alias("schema"), data.alias("data"))

    # Zipping the fields that are read, instead of reading the structs, lets Spark leave the other fields in the files.
    needed = [name for name in dict.fromkeys(map(snake_case, fields)) if name in type_.names]
    if not needed:
        return F.transform(column, described)
    return F.transform(F.arrays_zip(*(column[name].alias(name) for name in needed)), described)


def _fields(row: Column, type_: T.StructType, fields: Sequence[str]) -> Iterator[Column]:
    for name in fields:
        column = snake_case(name)
        value = as_text(row[column], type_[column].dataType, json=True) if column in type_.names else F.lit(None)
        yield value.cast("string").alias(name)


def _event(schema: T.StructType, reads: EventReads) -> Column:
    """Return the fields of the self-describing event: at most one of the columns has a value."""
    structs = [
        (field.name, field.dataType)
        for field in schema.fields
        if _UNSTRUCT.fullmatch(field.name) and isinstance(field.dataType, T.StructType)
    ]

    def value(name: str) -> Column:
        column = snake_case(name)
        values = [
            as_text(F.col(f"`{struct}`.`{column}`"), type_[column].dataType, json=True)
            for struct, type_ in structs
            if column in type_.names
        ]
        return F.coalesce(*values, F.lit(None).cast("string")).alias(name)

    return F.struct(*map(value, reads.event_fields or ("_none",))).alias(EVENT_COLUMN)
