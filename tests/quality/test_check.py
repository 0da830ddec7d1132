"""A day's statistics are compared with limits; every failure is named, and the pages need no network."""

import re
from pathlib import Path
from typing import Any

import pytest

from leapline.events.schema import KINDS, SCHEMA
from leapline.quality.check import check
from leapline.quality.expectations import Limits, expectations, table
from leapline.quality.profile import REQUIRED, profile

DAY = "2026-03-01"
COUNTS = {"day": DAY, "quarantined_share": 0.01, "excluded": {"duplicate": 2}}


STATISTICS: dict[str, Any] = {
    "events": 7, "sessions": 2, "visitors": 1, "buyers": 1, "shared_sessions": 0, "busy_sessions": 0, "duplicates": 0,
    **{f"kind_{kind}": 0 for kind in KINDS}, "kind_item_view": 6, "kind_purchase": 1,
    **{f"null_{name}": 0 for name in REQUIRED}, "negative_prices": 0, "bad_quantities": 0, "unknown_kinds": 0,
    "out_of_order": 0, "before_day": 0, "after_tail": 0, "bad_pseudonyms": 0, "personal_values": 0,
    "largest_price": 9.5, "hash_xor": 1, "hash_sum": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def good() -> dict[str, Any]:
    return profile(STATISTICS, COUNTS)


def test_profile_has_shares_and_columns(good: dict[str, Any]) -> None:
    expected = {"events": 7, "sessions": 2, "buyers": 1, "kind_item_view": 6, "kind_purchase": 1, "largest_price": 9.5}
    assert {name: good[name] for name in expected} == expected
    assert good["duplicate_share"] == pytest.approx(2 / 9, abs=1e-6)
    assert good["columns"] == SCHEMA
    assert profile(STATISTICS | {"shared_sessions": 1, "busy_sessions": 2}, COUNTS)["shared_session_share"] == 0.5
    assert profile(STATISTICS | {"hash_xor": 3}, COUNTS)["digest"] != good["digest"]


FAULTS = [
    "null_visitor", "unknown_kinds", "negative_prices", "bad_quantities", "out_of_order", "before_day", "after_tail",
    "bad_pseudonyms", "personal_values", "duplicates",
]  # fmt: skip
"""Statistics of which a single event is too many. `profile_test.go` plants each of these faults."""


@pytest.mark.parametrize("number", FAULTS)
def test_no_event_may_have_a_fault(good: dict[str, Any], number: str) -> None:
    assert table(good)[number] == 0
    limits = {e.column: e for e in expectations([], Limits())}
    assert limits[number].maximum == 0


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
