"""Both forms of every stage, scored by the scorer: Spark's numbers, row by row."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from leapline.bundle import read, verify, write
from tests.bundle import pipelines, scoring

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel
    from pyspark.sql import DataFrame

pytestmark = pytest.mark.spark

NO_UNSEEN = {"index_to_string"}
"""Pipelines that must fail on an unseen or a null category, as Spark does."""


@pytest.mark.parametrize("name", [*pipelines.GOLDEN, *pipelines.CATALOGUE])
def test_the_scorer_gives_sparks_numbers(
    name: str,
    fitted: Callable[[str], "PipelineModel"],
    frame: "DataFrame",
    rows: "DataFrame",
    scorer: Path,
    tmp_path: Path,
) -> None:
    model = fitted(name)
    given = rows.na.drop(subset=["country"]).where("country != 'unseen'") if name in NO_UNSEEN else rows
    _agree(model, frame, given, scorer, tmp_path)


def _agree(model: "PipelineModel", frame: "DataFrame", rows: "DataFrame", scorer: Path, folder: Path) -> None:
    for form in ("json", "protobuf"):
        archive = folder / f"{form}.zip"
        write(model, frame, archive, format=form, name="pipeline", timestamp="2026-11-24T00:00:00")
        made = [s.column for node in read(archive).root.walk() for s in node.outputs]
        transformed = model.transform(rows)
        columns = [c for c in made if c in transformed.columns]
        saved = {**scoring.leap_frame(rows), "expected": scoring.answers(transformed, columns)}
        (folder / "rows.json").write_text(json.dumps(saved))
        found = verify(archive, folder / "rows.json", scorer=scorer, tolerance=1e-12)
        assert found["passed"], {name: c for name, c in found["columns"].items() if c["wrong"]}
