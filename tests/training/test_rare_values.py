"""Values of few visitors do not reach a pipeline."""

from typing import Any

import pytest

from leapline.training.rare_values import without_rare_values

pytestmark = pytest.mark.spark


def test_values_of_few_visitors_become_the_missing_category(spark: Any) -> None:
    rows = [("v", "Mobile", "x", 1.0), ("w", "Mobile", "y", 2.0), ("w", "anna's phone", "x", 3.0), ("w", "", "y", 4.0)]
    examples = spark.createDataFrame(rows, "visitor string, device string, top string, n double")
    replaced = without_rare_values(examples, ["device", "top"], 2)
    assert replaced.columns == examples.columns
    assert sorted(map(tuple, replaced.collect()), key=lambda row: row[3]) == [
        ("v", "Mobile", "x", 1.0), ("w", "Mobile", "", 2.0), ("w", "", "x", 3.0), ("w", "", "", 4.0)
    ]  # fmt: skip


def test_visitors_count_and_not_rows(spark: Any) -> None:
    examples = spark.createDataFrame([("v", "a")] * 30 + [("w", "b"), ("x", "b")], "visitor string, device string")
    devices = {row["device"] for row in without_rare_values(examples, ["device"], 2).collect()}
    assert devices == {"", "b"}


def test_one_visitor_is_enough_if_the_setting_says_so(spark: Any) -> None:
    examples = spark.createDataFrame([("v", "a")], "visitor string, device string")
    assert without_rare_values(examples, ["device"], 1) is examples
