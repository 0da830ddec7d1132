"""A day's statistics are compared with limits; every failure is named, and the pages need no network."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from leapline.events.schema import SCHEMA
from leapline.events.sessions import with_event_numbers
from leapline.quality.check import check
from leapline.quality.expectations import Limits, expectations, table
from leapline.quality.profile import profile

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

DAY = "2026-03-01"
NOON = datetime(2026, 3, 1, 12)
COUNTS = {"day": DAY, "quarantined_share": 0.01, "excluded": {"duplicate": 2}}


def event(number: int, **changes: Any) -> dict[str, Any]:
    ts = NOON + timedelta(seconds=number)
    usual = {
        "event_id": f"e{number}", "session": f"{number % 2:064x}", "visitor": "f" * 64, "ts": ts, "collector_ts": ts,
        "kind": "item_view", "page": "item", "item": "i1", "category": "c1", "price": 9.5, "quantity": 1,
        "device": "Mobile", "referrer": None, "session_index": 1,
    }  # fmt: skip
    return usual | changes


def frame(spark: "SparkSession", *events: dict[str, Any]) -> "DataFrame":
    columns = ", ".join(f"{name} {type_}" for name, type_ in SCHEMA.items())
    return with_event_numbers(spark.createDataFrame(list(events), columns)).select(*SCHEMA)


@pytest.fixture(scope="module")
def good(spark: "SparkSession") -> dict[str, Any]:
    return profile(frame(spark, *(event(n) for n in range(6)), event(6, kind="purchase")), COUNTS)


@pytest.mark.spark
def test_profile_counts_events_sessions_and_buyers(good: dict[str, Any]) -> None:
    expected = {"events": 7, "sessions": 2, "buyers": 1, "kind_item_view": 6, "kind_purchase": 1, "largest_price": 9.5}
    assert {name: good[name] for name in expected} == expected
    assert good["duplicate_share"] == pytest.approx(2 / 9, abs=1e-6)
    assert good["columns"] == SCHEMA


PLANTED = [
    ("null_visitor", {"visitor": None}),
    ("unknown_kinds", {"kind": "dance"}),
    ("negative_prices", {"price": -1.0}),
    ("bad_quantities", {"quantity": -1}),
    ("out_of_order", {"ts": NOON + timedelta(hours=2), "collector_ts": NOON}),
    ("before_day", {"ts": NOON - timedelta(days=1)}),
    ("after_tail", {"ts": NOON + timedelta(days=2), "collector_ts": NOON + timedelta(days=2)}),
    ("bad_pseudonyms", {"session": "b3a1"}),
    ("personal_values", {"item": "anna@shop.example"}),
    ("personal_values", {"category": "203.0.113.9"}),
    ("personal_values", {"item": "2001:db8:0:1::9"}),
]


@pytest.mark.spark
@pytest.mark.parametrize(("number", "planted"), PLANTED)
def test_each_fault_changes_its_own_statistic(spark: "SparkSession", number: str, planted: dict[str, Any]) -> None:
    statistics = table(profile(frame(spark, *(event(n) for n in range(4)), event(9, **planted)), COUNTS))
    assert statistics[number] == 1
    limits = {e.column: e for e in expectations([], Limits())}
    assert limits[number].maximum == 0


@pytest.mark.spark
@pytest.mark.parametrize("fault", ["duplicated", "missing", "one of each"])
def test_duplicated_and_missing_events_are_counted(spark: "SparkSession", fault: str) -> None:
    whole = frame(spark, *(event(n) for n in range(8)))
    second = whole.where("event_id = '0000002'").limit(1)
    rest = whole.exceptAll(second)
    broken = {"duplicated": whole.unionAll(second), "missing": rest}.get(
        fault, rest.unionAll(rest.where("event_id = '0000001'"))
    )
    assert profile(whole, COUNTS)["duplicates"] == 0
    assert profile(broken, COUNTS)["duplicates"] > 0


def test_extra_and_missing_columns_are_counted(good: dict[str, Any]) -> None:
    columns = {**SCHEMA, "user_ipaddress": "string", "price": "string"}
    statistics = table(good | {"columns": columns})
    assert (statistics["unexpected_columns"], statistics["missing_columns"]) == (1, 1)


def test_good_day_passes_and_broken_day_names_each_failure(good: dict[str, Any], tmp_path: Path) -> None:
    limits = Limits(max_duplicate_share=0.5)
    assert check(good, [], limits, DAY, tmp_path / "good").passed
    broken = check(good | {"personal_values": 3}, [{"events": 100}, {"events": 40}], limits, DAY, tmp_path / "broken")
    assert [outcome.name for outcome in broken.failed] == ["events", "personal_values"]
    assert "events is 7, expected at least 35" in broken.sentence()
    assert "data is missing" in broken.sentence()


def test_volume_is_compared_with_the_same_weekday_once_there_are_three() -> None:
    """Half of a busy Monday is more than a usual day, and a quiet Sunday is less than half of one."""
    days = [{"events": 100}] * 14

    def floor(*same_weekday: int) -> float | None:
        volume = expectations(days, Limits(), [{"events": n} for n in same_weekday])[0]
        assert volume.column == "events"
        return volume.minimum

    assert floor() == floor(300, 310) == 50
    assert floor(300, 310, 290) == 150
    assert floor(30, 31, 29, 5, 32) == 15
    meaning = expectations(days, Limits(), [{"events": 300}] * 3)[0].meaning
    assert "median of 3 same weekdays before (300): data is missing, independently of the model" in meaning


def test_data_docs_load_nothing_from_the_network(good: dict[str, Any], tmp_path: Path) -> None:
    result = check(good, [], Limits(max_duplicate_share=0.5), DAY, tmp_path)
    pages = list(tmp_path.rglob("*.html"))
    assert tmp_path / result.docs in pages
    for page in pages:
        remote = re.findall(r"<(?:script|link|img)\b[^>]*(?:src|href)=\"https?://[^\"]*", page.read_text())
        assert not remote, page
