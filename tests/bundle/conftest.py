"""Fixtures: golden bundles, small data frames, fitted pipelines (fitted once per test run) and the scorer."""

import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from leapline.bundle.fitted import without_summaries
from tests.bundle import pipelines, scoring

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel
    from pyspark.sql import DataFrame, SparkSession

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def goldens(shared: Path) -> Path:
    """The folder with the bundles written by MLeap."""
    return shared / "bundle-ml" / "golden"


@pytest.fixture(scope="session")
def frame(spark: "SparkSession") -> "DataFrame":
    """Training rows."""
    return pipelines.training_frame(spark).cache()


@pytest.fixture(scope="session")
def rows(spark: "SparkSession") -> "DataFrame":
    """Rows to score, with unseen and null categories."""
    return pipelines.scoring_frame(spark).cache()


@pytest.fixture(scope="session")
def leap_rows(rows: "DataFrame") -> dict[str, Any]:
    """The rows to score as a leap frame."""
    return scoring.leap_frame(rows)


@pytest.fixture(scope="session")
def fitted(frame: "DataFrame") -> Callable[[str], "PipelineModel"]:
    """Return a function that fits a pipeline of the catalogue."""
    from pyspark.ml import Pipeline

    models: dict[str, Any] = {}

    def fit(name: str) -> "PipelineModel":
        if name not in models:
            models[name] = without_summaries(Pipeline(stages=pipelines.stages(name)).fit(frame))
        return models[name]

    return fit


@pytest.fixture(scope="session")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The scorer, compiled from this checkout."""
    go = shutil.which("go") or str(ROOT / ".venv" / "bin" / "go")
    if not Path(go).exists():
        pytest.skip("NO GO: there is no Go toolchain on PATH or in .venv, so no bundle is scored")
    binary = tmp_path_factory.mktemp("scorer") / "scorer"
    process = subprocess.run(
        [go, "build", "-o", binary, "./cmd/scorer"],
        cwd=ROOT / "include" / "scorer",
        env={**os.environ, "CGO_ENABLED": "0"},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, f"{platform.machine()}: {process.stderr}"
    yield binary
