"""The scorer returns the same results as Spark for every stage, in both formats."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from leapline.bundle import convert, read, verify, write
from leapline.bundle.model import scalar
from leapline.errors import BundleError
from leapline.training.forest import importances
from tests.bundle import pipelines, scoring

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel
    from pyspark.sql import DataFrame

pytestmark = pytest.mark.spark

RANDOM = [f"random_{seed}" for seed in range(6)]
P_INFINITY = scalar("double", float("inf"))
NO_UNSEEN = {"index_to_string"}
"""Pipelines that fail on unseen and null categories, like Spark."""


@pytest.mark.parametrize("name", [*pipelines.GOLDEN, *pipelines.CATALOGUE, *RANDOM])
def test_scorer_equals_spark(
    name: str,
    fitted: Callable[[str], "PipelineModel"],
    frame: "DataFrame",
    rows: "DataFrame",
    leap_rows: dict[str, Any],
    scorer: Path,
    tmp_path: Path,
) -> None:
    if name in NO_UNSEEN:
        rows = rows.na.drop(subset=["country"]).where("country != 'unseen'")
        leap_rows = scoring.leap_frame(rows)
    transformed = fitted(name).transform(rows)
    _assert_equal(fitted(name), frame, transformed, leap_rows, scorer, tmp_path)


def _assert_equal(
    model: "PipelineModel",
    frame: "DataFrame",
    transformed: "DataFrame",
    leap_rows: dict[str, Any],
    scorer: Path,
    folder: Path,
) -> None:
    archive, in_json, saved = folder / "protobuf.zip", folder / "json.zip", folder / "rows.json"
    write(model, frame, archive, name="pipeline", timestamp="2026-11-24T00:00:00")
    bundle = read(archive)
    columns = [s.column for node in bundle.root.walk() for s in node.outputs]
    expected = scoring.answers(transformed, [c for c in columns if c in transformed.columns])
    saved.write_text(json.dumps({**leap_rows, "expected": expected}))
    infinite = any(n.op == "normalizer" and n.model.attributes["p_norm"] == P_INFINITY for n in bundle.root.walk())
    if not infinite:
        convert(archive, in_json, "json")
    for path in (archive,) if infinite else (archive, in_json):
        report = verify(path, saved, scorer=scorer, tolerance=1e-12)
        assert report["passed"], {name: c for name, c in report["columns"].items() if c["wrong"]}


def test_columns_with_dots_and_fields_of_structs_have_the_names_that_rows_use(
    frame: "DataFrame", scorer: Path, tmp_path: Path
) -> None:
    """Spark's parameters quote a column named `shop.x`; the rows of a request do not."""
    from pyspark.ml import Pipeline
    from pyspark.ml.classification import RandomForestClassifier
    from pyspark.ml.feature import StringIndexer, VectorAssembler
    from pyspark.sql import functions as F

    flat = frame.where("colour IS NOT NULL").selectExpr("x0 AS `shop.x`", "x1 AS `s.y`", "colour AS `a.c`", "label")
    nested = flat.withColumns({"s": F.struct(F.col("`s.y`").alias("y"))}).drop("s.y")
    stages = [
        StringIndexer(inputCol="`a.c`", outputCol="c"),
        VectorAssembler(inputCols=["`shop.x`", "s.y", "c"], outputCol="features"),
        RandomForestClassifier(numTrees=5, seed=1),
    ]
    model = Pipeline(stages=stages).fit(nested)
    archive = str(tmp_path / "model.zip")
    write(model, nested, archive)
    assert {s.column for node in read(archive).root.walk() for s in node.inputs} >= {"shop.x", "s.y", "a.c"}
    assert set(importances(model, nested)) == {"shop.x", "s.y", "c"}
    expected = scoring.answers(model.transform(nested), ["probability"])
    rows = {**scoring.leap_frame(flat.drop("label")), "expected": expected}
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    assert verify(archive, str(tmp_path / "rows.json"), scorer=scorer, tolerance=1e-12)["passed"]

    both = VectorAssembler(inputCols=["`s.y`", "s.y"], outputCol="features")
    with pytest.raises(BundleError, match="input columns `s.y` and s.y: .*Rename one"):
        write(both, flat.withColumns({"s": F.struct(F.col("`s.y`").alias("y"))}), archive)
