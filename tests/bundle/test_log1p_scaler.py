"""The worked example of a custom transformer, Python side."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from leapline.bundle import read, write
from leapline.bundle.model import Scalar, Socket

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


def test_it_transforms_saves_loads_and_is_written(spark: "SparkSession", tmp_path: Path) -> None:
    from pyspark.ml import PipelineModel

    from leapline.bundle.log1p_scaler import Log1pScaler

    frame = spark.createDataFrame([(0.0,), (9.0,)], "clicks double")
    stage = Log1pScaler(inputCol="clicks", outputCol="log_clicks", scale=2.0)
    assert [r.log_clicks for r in stage.transform(frame).collect()] == [0.0, pytest.approx(2 * math.log1p(9))]
    stage.write().overwrite().save(str(tmp_path / "stage"))
    assert Log1pScaler.load(str(tmp_path / "stage")).getScale() == 2.0
    write(PipelineModel([stage]), frame, tmp_path / "m.zip", format="json", name="m", timestamp="2026-11-24T00:00:00")
    (node,) = read(tmp_path / "m.zip").root.children
    assert (node.op, node.inputs, node.outputs) == (
        "log1p_scaler",
        (Socket("input", "clicks"),),
        (Socket("output", "log_clicks"),),
    )
    assert node.model.attributes == {"scale": Scalar("double", 2.0)}
