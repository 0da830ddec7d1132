"""Vocabularies contain the ids with the most clicks, ties sorted by id, and none of few visitors."""

from typing import Any

import pytest

from leapline.training.popular import most_clicked

pytestmark = pytest.mark.spark
CLICKS = "visitor string, p array<struct<id:string,clicks:bigint,ms:bigint>>"


def test_sorts_by_clicks_then_id(spark: Any) -> None:
    rows = [("v", [("b", 2, 0), ("c", 1, 9)]), ("w", [("a", 2, 5), ("c", 4, 1)]), ("w", []), ("x", None)]
    rows += [("x", [("b", 1, 0), ("d", 2, 0)])]
    examples = spark.createDataFrame(rows, CLICKS)
    assert most_clicked(examples, "p", 5) == ("c", "b", "a", "d")
    assert most_clicked(examples.repartition(3), "p", 2) == ("c", "b")


def test_ids_of_few_visitors_are_left_out(spark: Any) -> None:
    """Many clicks of one visitor on an item that was made for them do not put it into the model."""
    rows = [("v", [("engraved: anna", 50, 0), ("c", 1, 9)]), ("v", [("engraved: anna", 50, 0)]), ("w", [("c", 1, 1)])]
    examples = spark.createDataFrame(rows, CLICKS)
    assert most_clicked(examples, "p", 5, 1) == ("engraved: anna", "c")
    assert most_clicked(examples, "p", 5, 2) == ("c",)
