"""Tables as Snowplow's Lake Loader writes them: typed columns, structs of schemas, partitions by time of loading."""

import json
import zlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from leapline.snowplow.enriched import FIELDS
from leapline.sources.lake.columns import snake_case
from tests.fakes.postgres import JSON, TYPE_OF

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_LOADED_AFTER: Final = timedelta(minutes=10)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


_TYPES: Final[dict[str, tuple[pa.DataType, Callable[[str], Any]]]] = {
    "timestamp": (pa.timestamp("us", "UTC"), _time),
    "boolean": (pa.bool_(), lambda text: text == "1"),
    "smallint": (pa.int32(), int),
    "integer": (pa.int32(), int),
    "double precision": (pa.float64(), float),
    "decimal(18,2)": (pa.decimal128(18, 2), lambda text: Decimal(text).quantize(Decimal("0.01"))),
}


def typed_table(lines: Sequence[str]) -> pa.Table:
    """Return lines of the enriched format as the columns of the loader's table."""
    rows = [dict(zip(FIELDS, text.split("\t"), strict=True)) for text in lines]
    columns: dict[str, Any] = {}
    for name in FIELDS:
        if name not in JSON:
            type_, convert = _TYPES.get(TYPE_OF.get(name, ""), (pa.string(), str))
            columns[name] = pa.array([convert(row[name]) if row[name] else None for row in rows], type_)
    columns["load_tstamp"] = pa.array([_time(row["collector_tstamp"]) + _LOADED_AFTER for row in rows],
                                      pa.timestamp("us", "UTC"))  # fmt: skip
    documents = [_documents(row) for row in rows]
    for name in sorted({name for document in documents for name in document}):
        columns[name] = pa.array([document.get(name) for document in documents])
    return pa.table(columns)


def _documents(row: dict[str, str]) -> dict[str, Any]:
    """Return the columns of an event's schemas."""
    columns: dict[str, Any] = {}
    if row["unstruct_event"]:
        event = json.loads(row["unstruct_event"])["data"]
        columns[_column("unstruct_event", event["schema"])] = _fields(event["data"])
    for name in ("contexts", "derived_contexts"):
        for entity in json.loads(row[name])["data"] if row[name] else ():
            version = {"_schema_version": entity["schema"].rpartition("/")[2]}
            columns.setdefault(_column("contexts", entity["schema"]), []).append(version | _fields(entity["data"]))
    return columns


def _column(prefix: str, schema: str) -> str:
    vendor, name, _, version = schema.removeprefix("iglu:").split("/")
    return f"{prefix}_{vendor.replace('.', '_').replace('-', '_').lower()}_{snake_case(name)}_{version.split('-')[0]}"


def _fields(data: dict[str, Any]) -> dict[str, Any]:
    # A loader's types come from schemas, in which prices are numbers, not integers.
    return {
        snake_case(name): float(value) if name in ("price", "revenue") and value is not None else value
        for name, value in data.items()
    }


def write_table(spark: "SparkSession", format_: str, folder: Path | str, lines: Sequence[str]) -> None:
    """Append lines to a table, in one commit; create it first if it does not exist.

    Args:
        spark: a session with the format's jars.
        format_: `delta` or `iceberg`.
        folder: of the table; for Iceberg its last part is the table's name.
        lines: of the enriched format.
    """
    frame = spark.createDataFrame(typed_table(lines)).coalesce(1)
    if format_ == "delta":
        partitioned = frame.withColumn("load_tstamp_date", frame["load_tstamp"].cast("date"))
        writer = partitioned.write.format("delta").mode("append").partitionBy("load_tstamp_date", "event_name")
        statistics = "load_tstamp,collector_tstamp,derived_tstamp"
        spark.conf.set("spark.databricks.delta.properties.defaults.dataSkippingStatsColumns", statistics)
        writer.option("mergeSchema", "true").save(str(folder))
        return
    warehouse, _, name = str(folder).rpartition("/")
    # Spark keeps a catalogue with the configuration of its first use.
    catalogue = f"lake_{zlib.crc32(warehouse.encode()):08x}"
    options = {"": "org.apache.iceberg.spark.SparkCatalog", ".type": "hadoop", ".warehouse": warehouse}
    for option, value in options.items():
        spark.conf.set(f"spark.sql.catalog.{catalogue}{option}", value)
    from pyspark.sql import functions as F

    table = f"{catalogue}.`{name}`"
    creation = frame.sortWithinPartitions("load_tstamp", "event_name").writeTo(table).using("iceberg")
    creation = creation.option("fanout-enabled", "true")
    if spark.catalog.tableExists(table):
        creation.append()
    else:
        creation.partitionedBy(F.partitioning.days("load_tstamp"), F.col("event_name")).create()
