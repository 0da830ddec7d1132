"""Detection of addresses and numbers of persons: precision and recall on hundreds of cases, in Python and Spark."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from leapline.events.clean import CleanOptions, cleaned_day
from leapline.events.personal import contains_personal_data
from leapline.sources.landed.landing import LandingFolder
from tests.events.lines import DAY, KEY, at, land, line

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CASES = [
    (label == "personal", text)
    for label, text in (
        line.split("\t") for line in Path(__file__).with_name("personal_texts.tsv").read_text("utf-8").splitlines()
    )
]
MIN_PRECISION, MIN_RECALL = 0.98, 0.98


def require_quality(detected: list[bool]) -> None:
    """Check precision and recall of the detection on `CASES`."""
    hits = sum(personal and is_detected for (personal, _), is_detected in zip(CASES, detected, strict=True))
    assert hits / sum(detected) >= MIN_PRECISION
    assert hits / sum(personal for personal, _ in CASES) >= MIN_RECALL


def test_python_detection_has_required_precision_and_recall() -> None:
    assert len(CASES) > 600
    require_quality([contains_personal_data(text) for _, text in CASES])


@pytest.mark.spark
def test_cleaning_detects_what_python_detects(spark: "SparkSession", tmp_path: Path) -> None:
    texts = [text for _, text in CASES if len(text) <= 200 and text.strip(" ") not in {"", "null", "undefined"}]
    item = {"event": "transaction_item", "dvce_type": "", "refr_medium": ""}
    lines = [line(f"{n}", at(10 + n / 3600), ti_sku=text, **item) for n, text in enumerate(texts)]
    land(tmp_path, lines, run="2026-03-02-12-00-00")
    with cleaned_day(spark, LandingFolder(tmp_path), DAY.date(), CleanOptions(KEY, partitions=1)) as day:
        kept = {row["item"] for row in day.events.select("item").collect()}
        assert day.counts["quarantined"]["personal_data"] + day.counts["events"] == len(texts)
    expected = [contains_personal_data(text) for text in texts]
    assert [text.strip(" ") not in kept for text in texts] == expected


@pytest.mark.parametrize(
    ("text", "personal"),
    [
        ("2.608.577.123", False),
        ("logo@2x.png", False),
        ("v10.0.19.41", False),
        ("00:1a:2b:3c:4d:5e", False),
        ("order of anna@planted.example.", True),
        ("anna%40planted.example", True),
        ("from 203.0.113.77", True),
        ("2001:db8:0:1::77", True),
        ("fe80::1", True),
        ("an\u200bna@planted\u2060.example", True),
        ("anna&#64;planted.example", True),
        ("anna%252540planted.example", True),
        ("anna (at) planted.example", True),
        ("YW5uYUBwbGFudGVkLmV4YW1wbGU=", True),
        ("+49 30 1234567", True),
        ("4111-1111-1111-1111", True),
        ("4111-1111-1111-1112", False),
        ("DE89 3704 0044 0532 0130 00", True),
        ("DE89 3704 0044 0532 0130 01", False),
        ("4006381333931", False),
    ],
)
def test_detects_typical_personal_data_and_ignores_typical_texts(text: str, personal: bool) -> None:
    assert contains_personal_data(text) == personal
