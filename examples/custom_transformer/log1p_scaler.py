"""A custom transformer for Spark, its Bundle.ML writer, and a pipeline that uses it.

`log1p_scaler.go` is the same transformer for the scorer.
"""

from collections.abc import Sequence
from typing import Any

from pyspark import keyword_only
from pyspark.ml import Pipeline, Transformer
from pyspark.ml.classification import LogisticRegression
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.param.shared import HasInputCol, HasOutputCol
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from leapline.bundle import Columns, Node, node, writes
from leapline.bundle.model import scalar
from leapline.settings import Settings


class Log1pScaler(Transformer, HasInputCol, HasOutputCol, DefaultParamsReadable["Log1pScaler"], DefaultParamsWritable):
    """output = log(1 + input) * scale, for long-tailed numbers such as clicks or prices.

    It consists of SQL functions, so it runs in the JVM and needs no Python workers.
    """

    scale: "Param[float]" = Param(Params._dummy(), "scale", "factor after the logarithm", TypeConverters.toFloat)

    @keyword_only
    def __init__(self, *, inputCol: str | None = None, outputCol: str | None = None, scale: float = 1.0) -> None:
        super().__init__()
        self._setDefault(scale=1.0)
        arguments: dict[str, Any] = getattr(self, "_input_kwargs")  # noqa: B009  set by @keyword_only
        self._set(**arguments)

    def getScale(self) -> float:  # noqa: N802  Spark's naming
        """Return the factor after the logarithm."""
        return self.getOrDefault(self.scale)

    def _transform(self, dataset: DataFrame) -> DataFrame:
        return dataset.withColumn(self.getOutputCol(), F.log1p(self.getInputCol()) * F.lit(self.getScale()))


@writes(Log1pScaler)
def log1p_scaler(stage: Log1pScaler, _: Columns) -> Node:
    """Write the op `log1p_scaler`: attribute scale (double), ports input -> output."""
    attributes = {"scale": scalar("double", stage.getScale())}
    return node("log1p_scaler", attributes, stage.getInputCol(), stage.getOutputCol())


def pipeline(numeric: Sequence[str], categorical: Sequence[str], settings: Settings) -> Pipeline:
    """Return a logistic regression on the logarithms of the non-negative features, for LEAPLINE_PIPELINE."""
    columns = [name for name in numeric if name.startswith("n_")]
    scalers = [Log1pScaler(inputCol=name, outputCol=f"{name}_log", scale=0.5) for name in columns]
    assembler = VectorAssembler(inputCols=[f"{name}_log" for name in columns], outputCol="features")
    return Pipeline(stages=[*scalers, assembler, LogisticRegression(weightCol="weight")])
