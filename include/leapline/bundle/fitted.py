"""Fitted pipelines in the forms that users pass: a pipeline, a single stage, or the result of a parameter search."""

import logging
from typing import TYPE_CHECKING, Any, cast

from leapline.errors import BundleError

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel

_LOG = logging.getLogger(__name__)


def fitted_pipeline(model: Any) -> "PipelineModel":
    """Return `model` as a pipeline of fitted stages.

    A CrossValidatorModel or TrainValidationSplitModel is replaced by its best model, also inside a pipeline. A single
    fitted stage becomes a pipeline of one stage.

    Raises:
        BundleError: the model or one of its stages is not fitted, or is not a Spark stage.
    """
    from pyspark.ml import PipelineModel, Transformer

    model = best_model(model)
    if isinstance(model, PipelineModel):
        return _with_stages(model, [_fitted_stage(stage) for stage in model.stages])
    return PipelineModel([_fitted_stage(model, "model", Transformer)])


def best_model(model: Any) -> Any:
    """Return the best model of a parameter search; any other object unchanged."""
    from pyspark.ml.tuning import CrossValidatorModel, TrainValidationSplitModel

    while isinstance(model, CrossValidatorModel | TrainValidationSplitModel):
        _LOG.warning("%s: using its best model, %s", type(model).__name__, type(model.bestModel).__name__)
        model = model.bestModel
    return model


def without_summaries(model: "PipelineModel") -> "PipelineModel":
    """Drop the stages' training summaries.

    They hold the Spark session, which cannot be serialised to executors once an `Observation` has been used in it; the
    model could then not be applied.
    """
    from pyspark import SparkContext

    for stage in model.stages:
        if hasattr(stage, "stages"):
            without_summaries(cast("PipelineModel", stage))
        java = getattr(stage, "_java_obj", None)
        if java is not None and getattr(stage, "hasSummary", False):
            jvm: Any = SparkContext._jvm
            java.setSummary(jvm.scala.Option.empty())
    return model


def _fitted_stage(stage: Any, thing: str = "stage of the pipeline", kind: type | None = None) -> Any:
    from pyspark.ml import Estimator, PipelineModel, Transformer

    stage = best_model(stage)
    if isinstance(stage, PipelineModel):
        return fitted_pipeline(stage)
    if isinstance(stage, kind or Transformer):
        return stage
    unfitted = isinstance(stage, Estimator)
    name = stage.__name__ if isinstance(stage, type) else type(stage).__name__
    raise BundleError(
        thing,
        found=f"the class {name}" if isinstance(stage, type) else f"an unfitted {name}" if unfitted else f"a {name}",
        expected="a fitted pipeline (PipelineModel) or a fitted stage",
        fix="Call fit, and pass its result." if unfitted else "Pass the result of Pipeline.fit.",
    )


def _with_stages(model: "PipelineModel", stages: list[Any]) -> "PipelineModel":
    """Return the model itself if its stages are the given ones, else a new pipeline with its uid."""
    from pyspark.ml import PipelineModel

    if all(old is new for old, new in zip(model.stages, stages, strict=True)):
        return model
    out = PipelineModel(stages)
    out._resetUid(model.uid)
    return out
