"""A custom pipeline: gradient-boosted trees instead of the random forest."""

from collections.abc import Sequence

from pyspark.ml import Pipeline
from pyspark.ml.classification import GBTClassifier
from pyspark.ml.feature import StringIndexer, VectorAssembler

from leapline.settings import Settings


def pipeline(numeric: Sequence[str], categorical: Sequence[str], settings: Settings) -> Pipeline:
    """Return the unfitted pipeline.

    It reads the feature columns, `label` (0 or 1) and `weight`, and writes `probability`.

    Args:
        numeric: the features that are doubles.
        categorical: the features that are strings.
        settings: the installation's settings.
    """
    indexed = [f"{name}_index" for name in categorical]
    stages = [
        StringIndexer(inputCols=list(categorical), outputCols=indexed, handleInvalid="keep"),
        VectorAssembler(inputCols=[*numeric, *indexed], outputCol="features"),
        GBTClassifier(weightCol="weight", maxIter=10, maxDepth=4, seed=settings.seed),
    ]
    return Pipeline(stages=stages)
