"""Fit the random forest, reproducibly.

Two properties of Spark's forest determine how it is trained here.

* Sibling leaves that predict the same class are merged (SPARK-3159). With 5 % buyers nearly every leaf predicts "does
  not buy", and merging removes most of the ranking. Buyers are therefore weighted so that both classes have about the
  same total weight: leaves then differ and are kept. The weight multiplies the odds, which the calibration corrects.
* Bagging depends on partitions and on the order of rows. Both are fixed before `fit`, by the session's hash and then by
  its name, so that the same examples yield the same forest on any number of cores. The weight is a whole number for
  the same reason."""

import importlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

from leapline.bundle.fitted import fitted_pipeline, without_summaries
from leapline.bundle.importance import feature_names
from leapline.bundle.spark_errors import error_message
from leapline.bundle.stage_writers import unquoted
from leapline.bundle.validation import check_on_rows, check_stages
from leapline.bundle.writer import to_bundle
from leapline.errors import BundleError, SettingsError, TrainingError
from leapline.settings import Settings
from leapline.training.calibration import Array, calibrate
from leapline.training.digest import AGGREGATES, HASHES, digest_of, row_hashes

if TYPE_CHECKING:
    from pyspark.ml import Pipeline, PipelineModel
    from pyspark.sql import DataFrame

LABEL, WEIGHT, KEY = "label", "weight", "session"
CALIBRATION_EXAMPLES = 300_000
"""Approximate size of the sample used for calibration: enough to fit two numbers."""
TRIAL_ROWS = 500
"""Rows per label on which a custom pipeline is validated before the fit."""
PipelineFactory = Callable[[Sequence[str], Sequence[str], Settings], "Pipeline"]


@dataclass(frozen=True)
class TrainingFacts:
    """Figures of a training run.

    Attributes:
        examples: training examples; a session yields several, see `leapline.training.examples`.
        positives: examples with label 1.
        weight: the weight of a positive example; a negative one has weight 1.
        seconds: duration of the fit.
        importances: feature -> share of the impurity decrease, adding up to 1; empty if the last stage has none.
        calibration: how to calibrate the model's probability, as in the manifest.
        threshold: a session is classified as a buyer if its calibrated probability is at or above this; it has the best
            F1 on the training examples.
    """

    examples: int
    positives: int
    weight: int
    seconds: float
    importances: dict[str, float]
    calibration: dict[str, Any]
    threshold: float

    def as_dict(self) -> dict[str, Any]:
        """Return the content of the JSON file."""
        return asdict(self)


@dataclass(frozen=True)
class FitResult:
    """A fitted pipeline, the figures of its training, and the digest of the examples that it was fitted on."""

    model: "PipelineModel"
    facts: TrainingFacts
    digest: str


def default_pipeline(numeric: Sequence[str], categorical: Sequence[str], settings: Settings) -> "Pipeline":
    """Return the default pipeline: index the categories, assemble the features, fit a random forest.

    The setting `pipeline` may name another function of this signature. Its pipeline reads the columns `label`,
    `weight` (1, or the positives' weight) and the features, and writes `probability`.

    Args:
        numeric: names of the columns of doubles.
        categorical: names of the columns of strings; values unseen in training are one extra category.
        settings: size of the forest.
    """
    from pyspark.ml import Pipeline
    from pyspark.ml.classification import RandomForestClassifier
    from pyspark.ml.feature import StringIndexer, VectorAssembler

    indexed = [f"{name}_index" for name in categorical]
    indexer = StringIndexer(inputCols=list(categorical), outputCols=indexed, handleInvalid="keep")
    assembler = VectorAssembler(inputCols=[*numeric, *indexed], outputCol="features")
    forest = RandomForestClassifier(
        labelCol=LABEL,
        weightCol=WEIGHT,
        numTrees=settings.forest_trees,
        maxDepth=settings.forest_depth,
        minInstancesPerNode=settings.forest_min_leaf,
        featureSubsetStrategy=settings.forest_features,
        maxBins=64,
        maxMemoryInMB=1024,
        # Each row's node in each tree is kept from level to level instead of searched again from the root.
        cacheNodeIds=True,
        seed=settings.seed,
    )
    return Pipeline(stages=[indexer, assembler, forest] if categorical else [assembler, forest])


def resolve_pipeline(name: str) -> PipelineFactory:
    """Import the function named `module:function`.

    Raises:
        SettingsError: no such module or function, or the module fails to import.
    """
    module, _, attribute = name.partition(":")
    try:
        function = getattr(importlib.import_module(module), attribute)
    except Exception as exc:  # a user's module may fail in any way; the reason is passed on
        raise SettingsError(
            f"setting pipeline {name!r}",
            found=f"{type(exc).__name__}: {exc}",
            expected="`module:function` that can be imported",
            fix="Correct the name, or make the module importable (PYTHONPATH).",
        ) from exc
    if not callable(function):
        raise SettingsError(
            f"setting pipeline {name!r}",
            found=type(function).__name__,
            expected="a function",
            fix="Set the name of a function that returns an unfitted pipeline.",
        )
    return function  # type: ignore[no-any-return]


def fit(
    examples: "DataFrame",
    numeric: Sequence[str],
    categorical: Sequence[str],
    settings: Settings,
    keys: Sequence[str] = (KEY,),
) -> FitResult:
    """Fit and calibrate the pipeline named by the settings.

    Args:
        examples: the keys, `label` and the features.
        numeric: feature columns of doubles.
        categorical: feature columns of strings.
        settings: `pipeline`, `fit_partitions`, `seed` and the forest's size.
        keys: the columns that identify an example, `session` first.

    Raises:
        TrainingError: no examples, one class only, or the pipeline cannot be fitted on them.
        SettingsError: the pipeline's function cannot be imported or does not return a pipeline.
    """
    from pyspark.sql.functions import expr

    pipeline = _make(settings, numeric, categorical)
    is_custom = settings.pipeline != Settings.model_fields["pipeline"].default
    hashes = (expr(text) for text in row_hashes(examples))
    columns = examples.select(*keys, LABEL, *numeric, *categorical, *hashes)
    ordered = in_fixed_order(columns, settings.fit_partitions, keys).cache()
    try:
        count, positives, digest = _count(ordered)
        weight = max(1, round((count - positives) / positives))
        weighted = ordered.drop(*HASHES).selectExpr(
            "*", f"CASE WHEN {LABEL} = 1 THEN {weight}D ELSE 1D END AS {WEIGHT}"
        )
        if is_custom:
            few = (
                weighted.where(f"{LABEL} = 1")
                .limit(TRIAL_ROWS)
                .unionAll(weighted.where(f"{LABEL} = 0").limit(TRIAL_ROWS))
            )
            check_on_rows(pipeline, few, [*numeric, *categorical], bundle=settings.bundle_writer != "mleap")
        started = time.monotonic()
        model = _fit(pipeline, weighted)
        seconds = time.monotonic() - started
        calibration = calibrate(*_scored(model, weighted))
        facts = TrainingFacts(
            examples=count,
            positives=positives,
            weight=weight,
            seconds=seconds,
            importances=importances(model, weighted),
            calibration=calibration.as_dict(),
            threshold=calibration.threshold,
        )
        return FitResult(model, facts, digest)
    finally:
        ordered.unpersist()


def in_fixed_order(examples: "DataFrame", partitions: int, keys: Sequence[str] = (KEY,)) -> "DataFrame":
    """Return the rows in partitions and an order that do not depend on the input's."""
    return examples.repartition(partitions, keys[0]).sortWithinPartitions(*keys)


def name_stages(pipeline: "Pipeline") -> None:
    """Set reproducible stage names: `StringIndexer_0`, `VectorAssembler_1`, ..."""
    from pyspark.ml.wrapper import JavaModel, JavaWrapper

    pipeline._resetUid("Pipeline")
    for position, stage in enumerate(pipeline.getStages()):
        stage._resetUid(f"{type(stage).__name__}_{position}")
        # The Java object gets its name when it is created. A fitted model used as a stage keeps its own object.
        if isinstance(stage, JavaWrapper) and not isinstance(stage, JavaModel):
            java: Any = stage._java_obj
            stage._java_obj = JavaWrapper._new_java_obj(java.getClass().getName(), stage.uid)


def importances(model: "PipelineModel", examples: "DataFrame") -> dict[str, float]:
    """Return column of `examples` -> share of the last stage's gain, in descending order.

    The elements of the feature vector that are computed from one column are added up. An element that cannot be traced
    to a column has the name of the vector column; a nested column has the name with which the pipeline reads it. The
    result is empty if the last stage has no feature importances.
    """
    last: Any = model.stages[-1]
    while hasattr(last, "stages"):
        last = last.stages[-1]
    if not hasattr(last, "featureImportances"):
        return {}
    gains = last.featureImportances.toArray()
    names = _element_names(model, last.getFeaturesCol(), len(gains), examples)
    shares: dict[str, float] = {}
    for name, gain in zip(names, gains, strict=True):
        column = _column_of(unquoted(name), examples.columns)
        shares[column] = shares.get(column, 0.0) + float(gain)
    return dict(sorted(shares.items(), key=lambda item: (-item[1], item[0])))


def _element_names(model: "PipelineModel", vector: str, size: int, examples: "DataFrame") -> list[str]:
    """Return the names of a vector's elements from its metadata, or traced through the stages of the bundle if stages
    such as scalers have dropped the metadata."""
    metadata = model.transform(examples.limit(0)).schema[vector].metadata
    groups = metadata.get("ml_attr", {}).get("attrs", {})
    named = {slot["idx"]: slot["name"] for slots in groups.values() for slot in slots if "name" in slot}
    if len(named) == size:
        return [named[i] for i in range(size)]
    try:
        bundle = to_bundle(model, examples.limit(1), name="importances", timestamp="2000-01-01T00:00:00")
    except BundleError:
        return [vector] * size
    return feature_names(bundle, vector, size)


def _column_of(element: str, columns: Sequence[str]) -> str:
    """Return the column that an element was computed from: `device_type_index`, `device_type_onehot_Mobile` and
    `device_type=Mobile` belong to `device_type`, and `prices[2]` to `prices`."""
    if element in columns:
        return element
    if element.endswith("]") and "[" in element:
        return element[: element.rindex("[")]
    ends = [c for c in columns if element.startswith((f"{c}_", f"{c}="))]
    return max(ends, key=len, default=element)


def _make(settings: Settings, numeric: Sequence[str], categorical: Sequence[str]) -> "Pipeline":
    from pyspark.ml import Pipeline
    from pyspark.ml.tuning import CrossValidator, TrainValidationSplit

    factory = resolve_pipeline(settings.pipeline)
    try:
        pipeline: Any = factory(numeric, categorical, settings)
    except Exception as exc:  # the function is the user's
        raise SettingsError(
            f"setting pipeline {settings.pipeline!r}",
            found=f"the function raised {type(exc).__name__}: {exc}",
            expected="a function that returns an unfitted pipeline",
            fix="Correct the function. Its arguments are numeric features, categorical features and settings.",
        ) from exc
    if not isinstance(pipeline, Pipeline | CrossValidator | TrainValidationSplit):
        raise SettingsError(
            f"setting pipeline {settings.pipeline!r}",
            found=f"a function that returns {type(pipeline).__name__}",
            expected="pyspark.ml.Pipeline, CrossValidator or TrainValidationSplit",
            fix="Return an unfitted pipeline: Pipeline(stages=[...]).",
        )
    check_stages(pipeline, bundle=settings.bundle_writer != "mleap")
    if isinstance(pipeline, Pipeline):
        name_stages(pipeline)
    return cast("Pipeline", pipeline)


def _count(examples: "DataFrame") -> tuple[int, int, str]:
    """Return the number of examples, of those with label 1, and the digest of all from their hashes."""
    positives, *aggregated = examples.selectExpr(f"count_if({LABEL} = 1)", *AGGREGATES).head() or (0, 0)
    count = aggregated[0]
    if positives in (0, count):
        share = "none" if not positives else "all"
        counts = f"{count:,} examples, {share} of them with label 1" if count else "no examples"
        raise TrainingError(
            "training examples",
            found=counts,
            expected="examples of both classes, with and without a purchase",
            fix="Train on more days, or check the events of these days.",
        )
    return count, positives, digest_of(*aggregated)


def _scored(model: "PipelineModel", examples: "DataFrame") -> tuple[Array, Array]:
    """Return labels and scores of the training examples, or of a sample chosen by the hash of the session."""
    from pyspark.ml.functions import vector_to_array

    buckets = 1 + examples.count() // CALIBRATION_EXAMPLES
    scored = model.transform(examples.where(f"pmod(xxhash64({KEY}), {buckets}) = 0"))
    rows = scored.select(LABEL, vector_to_array(scored["probability"])[1].alias("score")).toPandas()
    return rows[LABEL].to_numpy(float), rows["score"].to_numpy(float)


def _fit(pipeline: "Pipeline", examples: "DataFrame") -> "PipelineModel":
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    try:
        return without_summaries(fitted_pipeline(pipeline.fit(examples)))
    except (PySparkException, Py4JJavaError) as exc:
        reason = error_message(exc)
        raise TrainingError(
            "the pipeline",
            found=reason,
            expected="stages that can be fitted on the examples",
            fix="Check the feature spec and the pipeline; a category of more than 63 values needs another encoding.",
        ) from exc
