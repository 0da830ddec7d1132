"""The Python of Spark's tasks: that of the driver on one machine, and a clear error if it cannot be used."""

import sys
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from leapline.errors import ClusterError
from leapline.runtime.spark import spark_session
from leapline.settings import Settings

pytestmark = pytest.mark.spark


def rows_through_python(spark: SparkSession) -> int:
    """Return the number of three rows that have passed through a task's Python."""
    return len(spark.range(3).mapInArrow(lambda batches: batches, "id long").collect())


def test_session_of_somebody_else_gets_the_python_of_the_driver(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spark.sparkContext, "pythonExec", "no-such-python")
    with spark_session(Settings(home=tmp_path), "test") as session:
        assert rows_through_python(session) == 3


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("missing", "found no program .*missing; .* name it in PYSPARK_PYTHON"),
        (f'#!/bin/sh\nexec {sys.executable} -S "$@"\n', "found no module pyarrow; expected .* PyArrow and NumPy"),
    ],
    ids=["no Python", "a Python without packages"],
)
def test_unusable_python_is_named(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, message: str
) -> None:
    monkeypatch.setattr(spark.sparkContext, "pythonExec", sys.executable)
    path = tmp_path / "missing"
    if program != "missing":
        path.write_text(program)
        path.chmod(0o755)
    monkeypatch.setenv("PYSPARK_PYTHON", str(path))
    with pytest.raises(ClusterError, match=message), spark_session(Settings(home=tmp_path), "test") as session:
        rows_through_python(session)
