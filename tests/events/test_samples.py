"""Snowplow's own test data come through; the counts below were made by hand from the files."""

import csv
import gzip
import json
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from leapline.events.clean import CleanDay, CleanOptions, clean_day, release
from leapline.events.mapping import load
from leapline.snowplow.enriched import FIELDS
from leapline.sources.landing_folder import LandedFile
from tests.events.lines import KEY

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark
# The trackers of 2012 and 2014 knew no session ids yet: a session was a visitor's n-th visit.
OLD_TRACKERS = load().model_copy(update={"session": ["domain_userid", "domain_sessionidx"]})
ECOMMERCE = "com_snowplowanalytics_snowplow_ecommerce"


def clean(spark: "SparkSession", file: Path, day: date, **changes: object) -> CleanDay:
    options = CleanOptions(KEY, consent_required=False, partitions=1, **changes)  # type: ignore[arg-type]
    return clean_day(spark, [LandedFile(file, datetime(2026, 3, 1, tzinfo=UTC))], day, options)


def kinds(day: CleanDay) -> dict[str, int]:
    return {row["kind"]: row["count"] for row in day.events.groupBy("kind").count().collect()}


def test_enriched_transactions(spark: "SparkSession", shared: Path) -> None:
    """11 lines, all 131 wide.

    Of 2 February 2014: lines 6 to 11, a ping, a view, two struct events (`Play`, which means nothing to a shop, and
    `Checkout / Add`), an order's item and the order of 8000. Of 27 May 2012: lines 1 to 5.
    """
    sample = shared / "snowplow/sample/enriched_transactions.tsv"
    day = clean(spark, sample, date(2014, 2, 2), mapping=OLD_TRACKERS)
    assert kinds(day) == {"page_ping": 1, "page_view": 1, "other": 1, "cart_add": 1, "purchase_item": 1, "purchase": 1}
    assert day.counts["lines"] == 11
    assert day.counts["other_days"] == 5
    bought = day.events.where("kind = 'purchase_item'").collect()[0]
    assert (bought["item"], bought["price"], bought["quantity"], bought["session_index"]) == ("1002", 4000.0, 1, 26)
    release(day)


def test_enriched_transactions_of_2012(spark: "SparkSession", shared: Path) -> None:
    """Lines 1 to 5: an order, and four of forms and webhooks, which mean nothing to a shop.

    Line 3 has a column too many before `domain_sessionid`, so that its `derived_tstamp` is empty: the collector's
    time counts.
    """
    sample = shared / "snowplow/sample/enriched_transactions.tsv"
    day = clean(spark, sample, date(2012, 5, 27), mapping=OLD_TRACKERS)
    assert kinds(day) == {"other": 4, "purchase": 1}
    assert set(day.counts["quarantined"].values()) == {0}
    release(day)


def test_the_ecommerce_plugin(spark: "SparkSession", shared: Path, tmp_path: Path) -> None:
    """`ecommerce_events.csv`, the 50 events of 22 December 2022, one session.

    20 product_view; 5 add_to_cart, two of them of two products: 7 rows; 1 remove_from_cart; 6 checkout_step;
    4 transaction, with one product each but the last, which has two: 4 orders and 5 items; 4 list_click and
    10 list_view: other.
    """
    file = tmp_path / "2022-12-22-140000-sample.gz"
    sample = as_lines(shared / "snowplow/sample/ecommerce_events.csv")
    file.write_bytes(gzip.compress("".join(sample).encode()))
    day = clean(spark, file, date(2022, 12, 22))
    assert kinds(day) == {"item_view": 20, "cart_add": 7, "cart_remove": 1, "checkout": 6, "purchase": 4,
                          "purchase_item": 5, "other": 14}  # fmt: skip
    assert (day.counts["lines"], day.counts["events"], day.counts["added"]) == (834, 57, 7)
    items = Counter(r["item"] for r in day.events.where("kind = 'purchase_item'").collect())
    assert items == {"1236": 4, "1237": 1}
    totals = sorted(r["price"] for r in day.events.where("kind = 'purchase'").collect())
    assert totals == [13.0, 13.0, 13.0, 1234567.89]
    assert day.events.select("session").distinct().count() == 1
    release(day)


def as_lines(sample: Path) -> list[str]:
    """Warehouse rows in the form that they had before they were loaded."""
    with sample.open(encoding="utf-8", newline="") as file:
        return ["\t".join(as_fields(row)) + "\n" for row in csv.DictReader(file)]


def as_fields(row: dict[str, str]) -> list[str]:
    entities = [
        {"schema": f"iglu:com.snowplowanalytics.snowplow.ecommerce/{name}/jsonschema/1-0-0", "data": data}
        for name in ("product", "transaction", "user")
        for data in json.loads(row[f"contexts_{ECOMMERCE}_{name}_1_0_0"] or "[]")
    ]
    action = {"data": {"data": json.loads(row[f"unstruct_event_{ECOMMERCE}_snowplow_ecommerce_action_1_0_0"] or "{}")}}
    told = {"contexts": json.dumps({"data": entities}), "unstruct_event": json.dumps(action)}
    return [told.get(name, row.get(name, "").removesuffix("+00:00").removesuffix(" UTC")) for name in FIELDS]
