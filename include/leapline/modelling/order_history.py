"""The orders that the lake's days have counted: an order counts on the first of the days that contain it.

A day is compared with the days before it, never with itself or later ones, so that the same day extracted twice gives
the same result. A day that is extracted after later ones can therefore contain orders that these have counted as well.
"""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from leapline.records import data_seals
from leapline.storage import Lake

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from leapline.events.orders import EarlierOrders, EarlierOrdersReader

FOLDER: Final = "orders"


def orders_before(lake: Lake, day: date, days: int, wait: Callable[[], object] = lambda: None) -> "EarlierOrdersReader":
    """Return the function that reads the orders of the days before a day.

    Args:
        lake: days without orders, which earlier versions have written, are skipped.
        day: the data day.
        days: the number of days before it that are compared; 0 for none.
        wait: called before the lake is read, so that days that are being extracted can be committed.
    """

    def read(spark: "SparkSession") -> "EarlierOrders":
        from leapline.events.orders import EarlierOrders

        if days == 0:
            return EarlierOrders()
        wait()
        days_read = _days_with_orders(lake, day - timedelta(days=days), day - timedelta(days=1))
        return EarlierOrders(_read(spark, lake, days_read), len(days_read)) if days_read else EarlierOrders()

    return read


def days_to_extract_again(spark: "SparkSession", lake: Lake, day: date, days: int) -> list[date]:
    """Return the later days that count an order of this day too, or that leave an order to this day which it no longer
    contains.

    Args:
        spark: the session that reads the orders.
        lake: with the current orders of all days.
        day: a data day.
        days: the number of days for which a day's orders are compared; 0 for none.
    """
    later = _days_with_orders(lake, day + timedelta(days=1), day + timedelta(days=days))
    if not later or not lake.has("orders", day):
        return []
    here = _read(spark, lake, [day]).where("counted_on = day").selectExpr("`order`", "day AS here")
    compared = _read(spark, lake, later).join(here, "order", "left")
    twice = "counted_on = day AND here IS NOT NULL"
    never = f"counted_on = DATE '{day.isoformat()}' AND here IS NULL"
    rows = compared.where(f"({twice}) OR ({never})").select("day").distinct().collect()
    return sorted(row["day"] for row in rows)


def _days_with_orders(lake: Lake, first: date, last: date) -> list[date]:
    return [day for day in lake.days("orders") if first <= day <= last]


def _read(spark: "SparkSession", lake: Lake, days: Sequence[date]) -> "DataFrame":
    from leapline.events.orders import SCHEMA

    folders = (data_seals.unchanged(lake, "orders", day) for day in days)
    return spark.read.schema(SCHEMA).parquet(*(lake.address(folder, FOLDER) for folder in folders))
