"""A custom transformer, and the worked example of one (docs/custom-transformers.md): log(1 + x) * scale.

Three parts: the Spark stage, its Bundle.ML writer, and `log1p_scaler.go` in the scorer.
"""

from typing import Any

from pyspark import keyword_only
from pyspark.ml import Transformer
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.param.shared import HasInputCol, HasOutputCol
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from leapline.bundle.model import Node, scalar
from leapline.bundle.stage_writers import Columns, node, writes


class Log1pScaler(Transformer, HasInputCol, HasOutputCol, DefaultParamsReadable["Log1pScaler"], DefaultParamsWritable):
    """output = log(1 + input) * scale, for a double column. For long-tailed counts such as clicks or prices."""

    scale: "Param[float]" = Param(Params._dummy(), "scale", "factor after the logarithm", TypeConverters.toFloat)

    @keyword_only
    def __init__(self, *, inputCol: str | None = None, outputCol: str | None = None, scale: float = 1.0) -> None:
        super().__init__()
        self._setDefault(scale=1.0)
        given: dict[str, Any] = getattr(self, "_input_kwargs")  # noqa: B009  set by @keyword_only
        self._set(**given)

    def getScale(self) -> float:  # noqa: N802  Spark's naming
        """The factor after the logarithm."""
        return self.getOrDefault(self.scale)

    def _transform(self, dataset: DataFrame) -> DataFrame:
        return dataset.withColumn(self.getOutputCol(), F.log1p(self.getInputCol()) * F.lit(self.getScale()))


@writes(Log1pScaler)
def log1p_scaler(stage: Log1pScaler, _: Columns) -> Node:
    """Op `log1p_scaler`: input -> output, attribute scale."""
    attributes = {"scale": scalar("double", stage.getScale())}
    return node("log1p_scaler", attributes, stage.getInputCol(), stage.getOutputCol())
