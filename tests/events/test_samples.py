"""Snowplow's own test data is cleaned; the expected counts were derived by hand from the files."""

import csv
import gzip
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from leapline.events.clean import CleanDay, CleanOptions, cleaned_day
from leapline.events.mapping import load
from leapline.snowplow.enriched import FIELDS
from leapline.sources.landed.landing import LandingFolder
from tests.events.lines import KEY

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark
# The trackers of 2012 and 2014 had no session ids: a session was a visitor's n-th visit.
OLD_TRACKERS = load().model_copy(update={"session": ("domain_userid", "domain_sessionidx")})
ECOMMERCE = "com_snowplowanalytics_snowplow_ecommerce"


@contextmanager
def cleaned(spark: "SparkSession", landing: Path, content: bytes, day: date, **changes: object) -> Iterator[CleanDay]:
    options = CleanOptions(KEY, consent_required=False, partitions=1, **changes)  # type: ignore[arg-type]
    (landing / f"{day}-140000-sample.gz").write_bytes(gzip.compress(content))
    with cleaned_day(spark, LandingFolder(landing), day, options) as result:
        yield result


def kinds(day: CleanDay) -> dict[str, int]:
    return {row["kind"]: row["count"] for row in day.events.groupBy("kind").count().collect()}


def test_maps_sample_of_enriched_transactions(spark: "SparkSession", shared: Path, tmp_path: Path) -> None:
    """11 lines of 131 columns.

    Of 2 February 2014: lines 6 to 11, a ping, a view, two struct events (`Play`, which has no meaning for a shop, and
    `Checkout / Add`), an order's item and the order of 8000. Of 27 May 2012: lines 1 to 5.
    """
    sample = (shared / "snowplow/sample/enriched_transactions.tsv").read_bytes()
    with cleaned(spark, tmp_path, sample, date(2014, 2, 2), mapping=OLD_TRACKERS) as day:
        expected = {"page_ping": 1, "page_view": 1, "other": 1, "cart_add": 1, "purchase_item": 1, "purchase": 1}
        assert kinds(day) == expected
        assert day.counts["lines"] == 11
        assert day.counts["other_days"] == 5
        sold = day.events.where("kind = 'purchase_item'").collect()[0]
        assert (sold["item"], sold["price"], sold["quantity"], sold["session_index"]) == ("1002", 4000.0, 1, 26)


def test_maps_sample_of_2012_transactions(spark: "SparkSession", shared: Path, tmp_path: Path) -> None:
    """Lines 1 to 5: an order, and four form and webhook events, which have no meaning for a shop.

    Line 3 has an extra column before `domain_sessionid`, so its `derived_tstamp` is empty and the collector's time is
    used.
    """
    sample = (shared / "snowplow/sample/enriched_transactions.tsv").read_bytes()
    with cleaned(spark, tmp_path, sample, date(2012, 5, 27), mapping=OLD_TRACKERS) as day:
        assert kinds(day) == {"other": 4, "purchase": 1}
        assert set(day.counts["quarantined"].values()) == {0}


def test_maps_sample_of_ecommerce_plugin(spark: "SparkSession", shared: Path, tmp_path: Path) -> None:
    """`ecommerce_events.csv`, the 50 events of 22 December 2022, one session.

    20 product_view; 5 add_to_cart, two of them of two products: 7 rows; 1 remove_from_cart; 6 checkout_step;
    4 transaction, of which the second repeats the first's order: 3 orders, with one product each except the last,
    which has two; 4 list_click and
    10 list_view: other.
    """
    sample = "".join(as_lines(shared / "snowplow/sample/ecommerce_events.csv")).encode()
    with cleaned(spark, tmp_path, sample, date(2022, 12, 22)) as day:
        assert kinds(day) == {"item_view": 20, "cart_add": 7, "cart_remove": 1, "checkout": 6, "purchase": 3,
                              "purchase_item": 4, "other": 14}  # fmt: skip
        assert (day.counts["lines"], day.counts["events"], day.counts["added"]) == (834, 55, 6)
        items = Counter(r["item"] for r in day.events.where("kind = 'purchase_item'").collect())
        assert items == {"1236": 3, "1237": 1}
        totals = sorted(r["price"] for r in day.events.where("kind = 'purchase'").collect())
        assert totals == [13.0, 13.0, 1234567.89]
        assert day.events.select("session").distinct().count() == 1


def as_lines(sample: Path) -> list[str]:
    """Convert warehouse rows back to the tab-separated form."""
    with sample.open(encoding="utf-8", newline="") as file:
        return ["\t".join(as_fields(row)) + "\n" for row in csv.DictReader(file)]


def as_fields(row: dict[str, str]) -> list[str]:
    entities = [
        {"schema": f"iglu:com.snowplowanalytics.snowplow.ecommerce/{name}/jsonschema/1-0-0", "data": data}
        for name in ("product", "transaction", "user")
        for data in json.loads(row[f"contexts_{ECOMMERCE}_{name}_1_0_0"] or "[]")
    ]
    action = {"data": {"data": json.loads(row[f"unstruct_event_{ECOMMERCE}_snowplow_ecommerce_action_1_0_0"] or "{}")}}
    documents = {"contexts": json.dumps({"data": entities}), "unstruct_event": json.dumps(action)}
    return [documents.get(name, row.get(name, "").removesuffix("+00:00").removesuffix(" UTC")) for name in FIELDS]
