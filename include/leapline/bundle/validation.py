"""Validation of an unfitted pipeline: every fault that can be detected on a few rows is reported before a long fit."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from leapline.bundle.fitted import fitted_pipeline, without_summaries
from leapline.bundle.spark_errors import error_message
from leapline.errors import LeaplineError, TrainingError, UnsupportedStageError

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel
    from pyspark.sql import DataFrame

PROBABILITY = "probability"
_FAST = {"numTrees": 1, "maxIter": 1, "maxDepth": 2}
"""Parameters that make a trial fit fast. They do not influence which stages and columns a pipeline has."""


def check_stages(pipeline: Any, *, bundle: bool = True) -> None:
    """Check that the stages of an unfitted pipeline are instances of Spark stages that can be saved.

    Args:
        pipeline: the unfitted pipeline, or a parameter search.
        bundle: whether the pipeline will be written as a bundle by Leapline.

    Raises:
        TrainingError: the pipeline has no stages, or an object that is not a stage.
        UnsupportedStageError: a stage cannot be saved by Spark, or Bundle.ML has no form for it.
    """
    import leapline.bundle.stages  # noqa: F401  registers the writers of Spark's stages
    from leapline.bundle.stage_writers import writer_of

    for stage in _leaves(pipeline):
        _check_stage(stage)
        if bundle and not _is_estimator(stage):
            writer_of(stage)


def check_on_rows(pipeline: Any, rows: "DataFrame", features: Sequence[str], *, bundle: bool = True) -> None:
    """Fit a fast copy of the pipeline on a few rows, apply it and write it as a bundle in memory.

    Args:
        pipeline: the unfitted pipeline.
        rows: a few rows with all columns that the pipeline reads, and with all labels.
        features: the columns that the scorer receives.
        bundle: whether the pipeline will be written as a bundle by Leapline.

    Raises:
        TrainingError: the pipeline cannot be fitted or applied, drops rows, or has no valid column `probability`.
        UnsupportedStageError: a stage cannot be saved by Spark, or Bundle.ML has no form for it.
        BundleError: the pipeline cannot be written as a bundle.
    """
    from leapline.bundle.files import to_files
    from leapline.bundle.writer import to_bundle

    rows = rows.cache()
    try:
        model = _attempt("fitted", lambda: without_summaries(fitted_pipeline(_fast_copy(pipeline).fit(rows))))
        for stage in _fitted_leaves(model):
            _check_stage(stage)
        _check_output(model, rows)
        if bundle:
            to_files(to_bundle(model, rows.select(*features), name="trial", timestamp="2000-01-01T00:00:00"))
    finally:
        rows.unpersist()


def _leaves(pipeline: Any) -> Iterator[Any]:
    """Yield the stages, including those of nested pipelines and of the estimators in parameter searches."""
    from pyspark.ml import Pipeline

    if _is_search(pipeline):
        yield from _leaves(pipeline.getEstimator() if pipeline.isDefined("estimator") else None)
        return
    if not isinstance(pipeline, Pipeline):
        yield pipeline
        return
    stages = pipeline.getStages() if pipeline.isDefined("stages") else []
    if not stages:
        raise TrainingError(
            "pipeline", found="no stages", expected="stages", fix="Pass stages to Pipeline(stages=[...])."
        )
    for stage in stages:
        yield from _leaves(stage)


def _fitted_leaves(model: "PipelineModel") -> Iterator[Any]:
    """Yield the fitted stages, including those of nested pipelines."""
    from pyspark.ml import PipelineModel

    for stage in model.stages:
        yield from _fitted_leaves(stage) if isinstance(stage, PipelineModel) else (stage,)


def _is_search(stage: Any) -> bool:
    from pyspark.ml.tuning import CrossValidator, TrainValidationSplit

    return isinstance(stage, CrossValidator | TrainValidationSplit)


def _is_estimator(stage: Any) -> bool:
    from pyspark.ml import Estimator

    return isinstance(stage, Estimator)


def _check_stage(stage: Any) -> None:
    from pyspark.ml import Estimator, Transformer
    from pyspark.ml.util import MLWritable

    if not isinstance(stage, Estimator | Transformer):
        is_class = isinstance(stage, type)
        raise TrainingError(
            "stage of the pipeline",
            found=f"the class {stage.__name__}" if is_class else f"{stage!r:.80}",
            expected="an instance of a Spark stage",
            fix=f"Create it with {stage.__name__}(...)." if is_class else "Remove it.",
        )
    if not isinstance(stage, MLWritable):
        raise UnsupportedStageError(
            f"stage {type(stage).__name__}",
            found="a class that Spark cannot save",
            expected="a stage that is saved together with the pipeline",
            fix="Let the class inherit from DefaultParamsReadable and DefaultParamsWritable "
            "(examples/custom_transformer).",
        )


def _fast_copy(stage: Any) -> Any:
    """Copy a pipeline with fast parameters, and with the estimators of parameter searches in place of the searches."""
    from pyspark.ml import Pipeline

    if _is_search(stage):
        return _fast_copy(stage.getEstimator())
    if isinstance(stage, Pipeline):
        return Pipeline(stages=[_fast_copy(child) for child in stage.getStages()])
    changed = [name for name in _FAST if stage.hasParam(name) and stage.isDefined(name)]
    return stage.copy({stage.getParam(n): _FAST[n] for n in changed if stage.getOrDefault(n) > _FAST[n]})


def _attempt(what: str, action: Any) -> Any:
    """Run code of the user or of Spark. Errors of any kind become a TrainingError with the complete message."""
    try:
        return action()
    except LeaplineError:
        raise
    except Exception as exc:  # stages of users can raise any error
        raise TrainingError(
            "pipeline",
            found=f"{type(exc).__name__}: {error_message(exc)}",
            expected=f"stages that can be {what} on the training examples",
            fix="Correct the pipeline or the feature spec. A category with more than 63 values needs another encoding.",
        ) from exc


def _check_output(model: "PipelineModel", rows: "DataFrame") -> None:
    """Check that the output has one row per input row, and the probabilities of two classes."""

    def transform() -> tuple["DataFrame", int, list[Any]]:
        output = model.transform(rows)
        columns = [PROBABILITY] if PROBABILITY in output.columns else []
        values = output.select(*columns).collect()
        return output, len(values), values

    output, count, values = _attempt("applied", transform)
    if PROBABILITY not in output.columns:
        added = ", ".join(c for c in output.columns if c not in rows.columns) or "none"
        raise TrainingError(
            "output of the pipeline",
            found=f"no column {PROBABILITY}; its columns are {added}",
            expected=f"a classifier whose probability column is {PROBABILITY}",
            fix=f'Use a classifier with probabilities, and leave probabilityCol at "{PROBABILITY}".',
        )
    before = rows.count()
    if count != before:
        raise TrainingError(
            "output of the pipeline",
            found=f"{count} of {before} rows",
            expected="one row per example: the scorer returns a result for every row",
            fix="Replace the stage that drops or duplicates rows, or filter the events before the pipeline.",
        )
    sizes = {len(row[0]) if hasattr(row[0], "toArray") else 0 for row in values}
    if sizes != {2}:
        raise TrainingError(
            f"column {PROBABILITY} of the pipeline",
            found=f"{output.schema[PROBABILITY].dataType.simpleString()} of size {', '.join(map(str, sorted(sizes)))}",
            expected="a vector with the probabilities of the labels 0 and 1",
            fix="Use a binary classifier on the column label.",
        )
