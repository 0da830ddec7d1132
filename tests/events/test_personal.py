"""Detection of addresses and numbers of persons: precision and recall on hundreds of cases, in Python and Spark."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from leapline.events.personal import contains_personal_data, personal_data_sql
from leapline.events.plain_text import plain_sql

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
def test_spark_detection_equals_python(spark: "SparkSession") -> None:
    frame = spark.createDataFrame(list(enumerate(text for _, text in CASES)), "number int, text string")
    plain = frame.selectExpr("number", f"{plain_sql('text')} AS plain")
    rows = plain.selectExpr("number", f"{personal_data_sql('plain')} AS found").orderBy("number").collect()
    assert [row["found"] for row in rows] == [contains_personal_data(text) for _, text in CASES]


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
