"""The scorer returns the same results as Spark for every stage, in both formats."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from leapline.bundle import convert, read, verify, write
from leapline.bundle.model import scalar
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
    scorer: Path,
    tmp_path: Path,
) -> None:
    model = fitted(name)
    scored = rows.na.drop(subset=["country"]).where("country != 'unseen'") if name in NO_UNSEEN else rows
    _assert_equal(model, frame, scored, scorer, tmp_path)


def _assert_equal(model: "PipelineModel", frame: "DataFrame", rows: "DataFrame", scorer: Path, folder: Path) -> None:
    archive, in_json, saved = folder / "protobuf.zip", folder / "json.zip", folder / "rows.json"
    write(model, frame, archive, name="pipeline", timestamp="2026-11-24T00:00:00")
    bundle = read(archive)
    transformed = model.transform(rows)
    columns = [s.column for node in bundle.root.walk() for s in node.outputs]
    expected = scoring.answers(transformed, [c for c in columns if c in transformed.columns])
    saved.write_text(json.dumps({**scoring.leap_frame(rows), "expected": expected}))
    infinite = any(n.op == "normalizer" and n.model.attributes["p_norm"] == P_INFINITY for n in bundle.root.walk())
    if not infinite:
        convert(archive, in_json, "json")
    for path in (archive,) if infinite else (archive, in_json):
        report = verify(path, saved, scorer=scorer, tolerance=1e-12)
        assert report["passed"], {name: c for name, c in report["columns"].items() if c["wrong"]}
