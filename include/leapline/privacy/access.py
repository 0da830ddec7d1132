"""What the lake has about visitors, for their right of access: every row of every day, with what it is used for.

The report contains the rows themselves and the id that was asked for, so it is written to a file outside the lake.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from leapline.errors import ErasureError
from leapline.privacy.erasure import days_of, listed, orders_of
from leapline.privacy.exclusions import excluded_visitors
from leapline.privacy.receipt import affected_models
from leapline.privacy.rewriting import parts_of
from leapline.storage import Lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TABLES: Final[Mapping[str, tuple[str, str, str]]] = {
    "events": ("events", "events", "the visitor's cleaned events"),
    "examples": ("examples", "examples", "features and label of each session, and of beginnings of sessions"),
    "items": ("examples", "items", "features and label of each item in a session"),
    "scores": ("evaluations", "scores.parquet", "the model's and the champion's scores of a session of the holdout"),
    "probe_events": ("evaluations", "probe_events", "events of sessions with which an image was tested"),
}
"""Name in the report -> dataset, table, and what it is. Each has the visitor's pseudonym."""
MAX_VISITORS: Final = 100
"""A report is read by a person; more visitors are more reports."""


def access_report(spark: "SparkSession", lake: Lake, visitors: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return all rows about visitors.

    Args:
        spark: a session.
        lake: to read.
        visitors: id -> pseudonyms, the first under the present key; at most `MAX_VISITORS`.

    Returns:
        `tables` (name -> what it is), and `visitors`: one entry per id with `id`, `pseudonyms`, `excluded_since` (a day
        or None), `days` (day -> table -> rows), and `models` (published models that were trained or judged on these
        days).

    Raises:
        ErasureError: too many visitors.
    """
    if len(visitors) > MAX_VISITORS:
        raise ErasureError(
            "the request",
            found=f"{len(visitors)} ids",
            expected=f"at most {MAX_VISITORS}",
            fix="Split the file; nothing was read.",
        )
    excluded = excluded_visitors(lake)
    pseudonyms = [pseudonym for names in visitors.values() for pseudonym in names]
    days = days_of(spark, lake, pseudonyms)
    rows = {day: _rows(spark, lake, day, pseudonyms) for day in days}
    return {
        "tables": {name: text for name, (_, _, text) in TABLES.items()} | {"orders": "pseudonyms of the orders"},
        "visitors": [
            {
                "id": name,
                **_visitor(spark, lake, rows, names),
                "excluded_since": _first_day(excluded, names),
            }
            for name, names in visitors.items()
        ],
    }


def _first_day(excluded: Mapping[str, str], pseudonyms: Sequence[str]) -> str | None:
    return min((excluded[pseudonym] for pseudonym in pseudonyms if pseudonym in excluded), default=None)


def _rows(spark: "SparkSession", lake: Lake, day: date, pseudonyms: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of all these visitors on a day, by table."""
    tables = {}
    for name, (dataset, table, _) in TABLES.items():
        if lake.has(dataset, day) and table in parts_of(lake, dataset, day):
            tables[name] = _read(spark, lake.address(lake.current(dataset, day), table), pseudonyms)
    return tables


def _read(spark: "SparkSession", address: str, pseudonyms: Sequence[str]) -> list[dict[str, Any]]:
    from pyspark.sql.functions import expr

    # Scores are written by pandas, whose times are in nanoseconds; Spark reads these as numbers.
    spark.conf.set("spark.sql.legacy.parquet.nanosAsLong", "true")
    rows = spark.read.parquet(address)
    if dict(rows.dtypes).get("start_ts") == "bigint":
        rows = rows.withColumn("start_ts", expr("timestamp_micros(start_ts div 1000)"))
    selected = rows.join(listed(spark, "visitor", pseudonyms), "visitor", "left_semi").select(*rows.columns)
    return [row.asDict(recursive=True) for row in selected.collect()]


def _visitor(
    spark: "SparkSession",
    lake: Lake,
    rows: Mapping[date, Mapping[str, list[dict[str, Any]]]],
    pseudonyms: Sequence[str],
) -> dict[str, Any]:
    days = {}
    for day, tables in rows.items():
        parts = {table: [row for row in part if row["visitor"] in pseudonyms] for table, part in tables.items()}
        if any(parts.values()):
            days[day] = {table: part for table, part in parts.items() if part}
    names = [day.isoformat() for day in days]
    return {
        "pseudonyms": list(pseudonyms),
        "days": dict(zip(names, days.values(), strict=True)),
        "orders": sorted(orders_of(spark, lake, list(days), pseudonyms)),
        "models": affected_models(lake, names) if days else [],
    }
