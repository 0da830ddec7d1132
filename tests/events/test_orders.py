"""An order that an earlier day has counted does not count again; the day's orders are written for later days."""

import hashlib
import hmac
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from leapline.events.clean import CleanDay, CleanOptions, cleaned_day
from leapline.events.orders import SCHEMA, EarlierOrders
from leapline.sources.landed.landing import LandingFolder
from tests.events.lines import CONSENT, DAY, KEY, at, contexts, land, line, product, self_describing

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

RUN = "2026-03-02-12-00-00"
TODAY = DAY.date()
YESTERDAY = TODAY - timedelta(days=1)
OPTIONS = CleanOptions(KEY, partitions=1)
ECOMMERCE = "com.snowplowanalytics.snowplow.ecommerce"


def order(name: str, hour: float, session: str, **fields: str) -> str:
    fields = {"tr_orderid": name, "tr_total": "100"} | fields
    return line(f"{name} {hour} {session}", at(hour), session, None, event="transaction", **fields)


def item(name: str, hour: float, session: str) -> str:
    fields = {"event": "transaction_item", "ti_orderid": name, "ti_sku": "1", "ti_price": "5"}
    return line(f"item {name} {hour} {session}", at(hour), session, None, **fields)


def order_with_products(name: str, hour: float, session: str) -> str:
    entities = (product(f"{ECOMMERCE}/transaction", transaction_id=name, revenue=10),)
    entities += tuple(product(f"{ECOMMERCE}/product", id=sku, price=5) for sku in ("a", "b"))
    action = self_describing(f"{ECOMMERCE}/snowplow_ecommerce_action", {"type": "transaction"})
    return line(f"{name} {hour} {session}", at(hour), session, None, **action, contexts=contexts(CONSENT, *entities))


def pseudonym(text: str) -> str:
    return hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()


@contextmanager
def cleaned(
    spark: "SparkSession", landing: Path, lines: list[str], earlier: dict[str, list[tuple[date, date]]]
) -> Iterator[CleanDay]:
    """Clean a day; `earlier` maps an order to the days that contain it and the days that count it."""
    land(landing, lines, run=RUN)

    def known(session: "SparkSession") -> EarlierOrders:
        table = [(pseudonym(name), datetime(2026, 3, 1), *days) for name, rows in earlier.items() for days in rows]
        return EarlierOrders(session.createDataFrame(table, SCHEMA), 7)

    with cleaned_day(spark, LandingFolder(landing), TODAY, OPTIONS, earlier_orders=known) as day:
        yield day


def test_order_of_an_earlier_day_counts_no_second_buyer(spark: "SparkSession", tmp_path: Path) -> None:
    lines = [
        line("view", at(9.9), "s1"),
        order("reloaded", 10, "s1"),
        item("reloaded", 10, "s1"),
        order_with_products("with products", 11, "s2"),
        item("items alone", 12, "s2"),
        line("visit", at(13), "s3"),
        order("from the server", 13.1, "", domain_userid="user of s3"),
        order("new", 14, "s4"),
        item("new", 14, "s4"),
        order_with_products("new with products", 15, "s5"),
        order("left to an earlier day", 16, "s6"),
    ]
    once = [(YESTERDAY, YESTERDAY)]
    earlier = dict.fromkeys(["reloaded", "with products", "items alone", "from the server"], once)
    # Yesterday did not count this one either, and the day that did is not among the earlier days.
    earlier["left to an earlier day"] = [(YESTERDAY, TODAY - timedelta(days=31))]
    with cleaned(spark, tmp_path, lines, earlier) as day:
        kinds = Counter(row["kind"] for row in day.events.collect())
        assert kinds == {"page_view": 2, "purchase": 3, "purchase_item": 3}
        assert {reason: n for reason, n in day.counts["excluded"].items() if n} == {"repeated_order": 5}
        # The order from the server was assigned to its session first; of the lines, 2 more rows were products.
        assert (day.counts["events"], day.counts["added"], day.counts["orders_placed"]) == (8, 2, 1)
        assert (day.counts["orders"], day.counts["orders_repeated"], day.counts["order_days"]) == (6, 3, 7)
        require_statistics_of_events(day)


def require_statistics_of_events(day: CleanDay) -> None:
    """Compare the statistics, in part taken before repeated orders are known, with those of the clean events."""
    from pyspark.sql import functions as F

    columns = sorted(day.events.columns)
    computed = day.events.agg(
        F.count("*").alias("events"),
        F.countDistinct("session").alias("sessions"),
        F.countDistinct("visitor").alias("visitors"),
        F.countDistinct(F.when(F.col("kind") == "purchase", F.col("session"))).alias("buyers"),
        *(F.count_if(F.col("kind") == kind).alias(f"kind_{kind}") for kind in ("page_view", "purchase_item", "other")),
        F.coalesce(F.max("price"), F.lit(0.0)).alias("largest_price"),
        F.expr(f"bit_xor(xxhash64({', '.join(columns)}))").alias("hash_xor"),
        F.sum(F.hash(*columns).cast("long")).alias("hash_sum"),
    ).first()
    assert computed is not None
    assert {name: day.statistics[name] for name in computed.asDict()} == computed.asDict()


def test_statistics_are_those_of_the_events_with_and_without_orders(spark: "SparkSession", tmp_path: Path) -> None:
    lines = [line(f"view {n}", at(9 + n / 10), f"s{n % 7}") for n in range(40)]
    lines += [order("kept", 12, "s1"), order("repeated", 12, "s2"), item("repeated", 12.01, "s2")]
    with cleaned(spark, tmp_path / "with", lines, {"repeated": [(YESTERDAY, YESTERDAY)]}) as day:
        require_statistics_of_events(day)
        assert (day.statistics["buyers"], day.statistics["sessions"]) == (1, 7)
    with cleaned(spark, tmp_path / "without", lines[:40], {}) as day:
        require_statistics_of_events(day)


def test_orders_of_the_day_are_listed_once_with_the_day_that_counts_them(spark: "SparkSession", tmp_path: Path) -> None:
    lines = [
        order("repeated", 12, "s1"),
        order("new", 10, "s1"),
        order("new", 11, "s2"),
        item("items alone", 12, "s1"),
        order("", 13, "s1"),
    ]
    before = TODAY - timedelta(days=2)
    earlier = {"repeated": [(YESTERDAY, YESTERDAY), (before, before)], "unrelated": [(before, before)]}
    with cleaned(spark, tmp_path, lines, earlier) as day:
        rows = [tuple(row) for row in day.orders.collect()]
        noon = datetime(2026, 3, 2, 12)
        assert rows == sorted(
            [
                (pseudonym("repeated"), noon, TODAY, before),
                (pseudonym("new"), noon - timedelta(hours=2), TODAY, TODAY),
            ]
        )
        assert day.orders.rdd.getNumPartitions() == 1
        assert (day.counts["orders"], day.counts["orders_repeated"]) == (3, 2)


def test_cleaning_leaves_the_callers_session_unchanged(spark: "SparkSession", tmp_path: Path) -> None:
    session = spark.newSession()
    session.conf.set("spark.sql.session.timeZone", "UTC")
    session.conf.set("spark.sql.shuffle.partitions", "3")
    settings = session.conf.getAll
    with cleaned(session, tmp_path, [order("new", 10, "s1")], {}) as day:
        assert session.conf.getAll == settings
        assert day.events.sparkSession.conf.get("spark.sql.shuffle.partitions") == "3"
    assert session.conf.getAll == settings
    # An observation registers a listener, with which Spark can no longer send the session's models to executors.
    assert list(session._jsparkSession.listenerManager().listListeners()) == []
