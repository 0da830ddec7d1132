"""Vocabularies contain the ids with the most clicks, ties sorted by id."""

from typing import Any

import pytest

from leapline.training.popular import most_clicked

pytestmark = pytest.mark.spark


def test_sorts_by_clicks_then_id(spark: Any) -> None:
    rows = [([("b", 2, 0), ("c", 1, 9)],), ([("a", 2, 5), ("c", 4, 1)],), ([],), (None,)]
    examples = spark.createDataFrame(rows, "p array<struct<id:string,clicks:bigint,ms:bigint>>")
    assert most_clicked(examples, "p", 5) == ("c", "a", "b")
    assert most_clicked(examples.repartition(3), "p", 2) == ("c", "a")
