"""The random forest: from examples to a fitted pipeline, the same one every time.

Two properties of Spark's forest decide how it is trained here.

* Sibling leaves that predict the same class are merged (SPARK-3159). With 5 % buyers nearly every leaf predicts "does
  not buy", and the merging takes most of the ranking away. Buyers therefore weigh as much as all others together:
  leaves then disagree, and stay. The weight multiplies the odds, so dividing the odds by it gives probabilities back:
  the calibration.
* Bagging depends on partitions and the order of rows. Both are fixed before `fit`, by the session's hash and then by
  its name, so that the same examples give the same forest on any number of cores. The weight is a whole number for
  the same reason."""

import importlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from leapline.errors import SettingsError, TrainingError
from leapline.settings import Settings
from leapline.training.calibration import Array, calibrate

if TYPE_CHECKING:
    from pyspark.ml import Pipeline, PipelineModel
    from pyspark.sql import DataFrame

LABEL, WEIGHT, KEY = "label", "weight", "session"
# Enough to choose two numbers on.
CALIBRATION_EXAMPLES = 300_000
PipelineFactory = Callable[[Sequence[str], Sequence[str], Settings], "Pipeline"]


@dataclass(frozen=True)
class Facts:
    """What is worth knowing about a training, as plain data.

    Attributes:
        examples: rows trained on.
        positives: those with label 1.
        weight: how many times a positive counts.
        seconds: duration of the fit.
        importances: feature -> its share of the forest's gain; empty if the last stage has none. Adds up to 1.
        calibration: how to turn the model's probability into a true one (the manifest's form).
        threshold: the calibrated probability from which a session is called a buyer: the best F1 on training examples.
    """

    examples: int
    positives: int
    weight: int
    seconds: float
    importances: dict[str, float]
    calibration: dict[str, Any]
    threshold: float

    def as_dict(self) -> dict[str, Any]:
        """For a JSON file."""
        return asdict(self)


@dataclass(frozen=True)
class FitResult:
    """A fitted pipeline and the facts of its training."""

    model: "PipelineModel"
    facts: Facts


def default_pipeline(numeric: Sequence[str], categorical: Sequence[str], settings: Settings) -> "Pipeline":
    """Index the categories, assemble, and grow a forest.

    A setting (`pipeline`) may name another function of this signature. Its pipeline reads the columns `label`,
    `weight` (1, or the positives' weight) and the features, and writes `probability`.

    Args:
        numeric: names of the columns of doubles.
        categorical: names of the columns of strings; values not met in training become a category of their own.
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
        seed=settings.seed,
    )
    return Pipeline(stages=[indexer, assembler, forest] if categorical else [assembler, forest])


def resolve_pipeline(name: str) -> PipelineFactory:
    """The function behind `module:function`.

    Raises:
        SettingsError: no such module or function, or the module fails to import.
    """
    module, _, function = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), function)
    except Exception as exc:  # a user's module may fail in any way; the reason is passed on
        raise SettingsError(
            f"setting pipeline {name!r}",
            found=f"{type(exc).__name__}: {exc}",
            expected="`module:function` that can be imported",
            fix="Correct the name, or make the module importable (PYTHONPATH).",
        ) from exc
    if not callable(found):
        raise SettingsError(
            f"setting pipeline {name!r}", found=type(found).__name__, expected="a function", fix="Name one."
        )
    return found  # type: ignore[no-any-return]


def fit(
    examples: "DataFrame",
    numeric: Sequence[str],
    categorical: Sequence[str],
    settings: Settings,
    keys: Sequence[str] = (KEY,),
) -> FitResult:
    """Fit the pipeline that the settings name.

    Args:
        examples: the keys, `label` and the features.
        numeric: feature columns of doubles.
        categorical: feature columns of strings.
        settings: `pipeline`, `fit_partitions`, `seed` and the forest's size.
        keys: the columns that name an example, `session` first.

    Raises:
        TrainingError: no examples, one class only, or the pipeline cannot be fitted on them.
        SettingsError: the pipeline cannot be found.
    """
    pipeline = _make(settings, numeric, categorical)
    wanted = examples.select(*keys, LABEL, *numeric, *categorical)
    ordered = in_fixed_order(wanted, settings.fit_partitions, keys).cache()
    try:
        count, positives = _count(ordered)
        weight = max(1, round((count - positives) / positives))
        weighted = ordered.selectExpr("*", f"CASE WHEN {LABEL} = 1 THEN {weight}D ELSE 1D END AS {WEIGHT}")
        started = time.monotonic()
        model = _fit(pipeline, weighted)
        seconds = time.monotonic() - started
        chosen = calibrate(*_scored(model, weighted))
        named = importances(model, weighted)
        return FitResult(model, Facts(count, positives, weight, seconds, named, chosen.as_dict(), chosen.threshold))
    finally:
        ordered.unpersist()


def in_fixed_order(examples: "DataFrame", partitions: int, keys: Sequence[str] = (KEY,)) -> "DataFrame":
    """The same rows in the same partitions in the same order, however they came in."""
    return examples.repartition(partitions, keys[0]).sortWithinPartitions(*keys)


def name_stages(pipeline: "Pipeline") -> None:
    """Give the stages names that do not change from run to run: `StringIndexer_0`, `VectorAssembler_1`, ..."""
    from pyspark.ml.wrapper import JavaModel, JavaWrapper

    pipeline._resetUid("Pipeline")
    for position, stage in enumerate(pipeline.getStages()):
        stage._resetUid(f"{type(stage).__name__}_{position}")
        # The Java half takes its name at birth. A fitted model given as a stage keeps its own, learnt one.
        if isinstance(stage, JavaWrapper) and not isinstance(stage, JavaModel):
            java: Any = stage._java_obj
            stage._java_obj = JavaWrapper._new_java_obj(java.getClass().getName(), stage.uid)


def importances(model: "PipelineModel", examples: "DataFrame") -> dict[str, float]:
    """Column of `examples` -> share of the last stage's gain, largest first; the slots of one column are added up."""
    last: Any = model.stages[-1]
    if not hasattr(last, "featureImportances"):
        return {}
    metadata = model.transform(examples.limit(0)).schema[last.getFeaturesCol()].metadata
    named: dict[str, float] = {}
    for slots in metadata["ml_attr"]["attrs"].values():
        for slot in slots:
            column = _column_of(slot["name"], examples.columns)
            named[column] = named.get(column, 0.0) + float(last.featureImportances[slot["idx"]])
    return dict(sorted(named.items(), key=lambda item: (-item[1], item[0])))


def _column_of(slot: str, columns: Sequence[str]) -> str:
    """The column that a vector's slot was made of: `device_type_index` and `device_type_onehot_Mobile` are of
    `device_type`."""
    if slot in columns:
        return slot
    return max((c for c in columns if slot.startswith(f"{c}_")), key=len, default=slot)


def _make(settings: Settings, numeric: Sequence[str], categorical: Sequence[str]) -> "Pipeline":
    from pyspark.ml import Pipeline

    made = resolve_pipeline(settings.pipeline)(numeric, categorical, settings)
    if not isinstance(made, Pipeline):
        raise SettingsError(
            f"setting pipeline {settings.pipeline!r}",
            found=f"a function that returns {type(made).__name__}",
            expected="pyspark.ml.Pipeline",
            fix="Return an unfitted pipeline.",
        )
    name_stages(made)
    return made


def _count(examples: "DataFrame") -> tuple[int, int]:
    row = examples.selectExpr("count(1)", f"count_if({LABEL} = 1)").head()
    count, positives = (row[0], row[1]) if row else (0, 0)
    if positives in (0, count):
        found = "no examples" if not count else f"{count} examples, {'none' if not positives else 'all'} of them buyers"
        raise TrainingError(
            "training examples",
            found=found,
            expected="sessions with and without a purchase",
            fix="Train on more days, or look at the events of these.",
        )
    return count, positives


def _scored(model: "PipelineModel", examples: "DataFrame") -> tuple[Array, Array]:
    """Labels and scores of the training examples; of very many, a sample that depends on the session's name alone."""
    from pyspark.ml.functions import vector_to_array

    buckets = 1 + examples.count() // CALIBRATION_EXAMPLES
    scored = model.transform(examples.where(f"pmod(xxhash64({KEY}), {buckets}) = 0"))
    rows = scored.select(LABEL, vector_to_array(scored["probability"])[1].alias("score")).toPandas()
    return rows[LABEL].to_numpy(float), rows["score"].to_numpy(float)


def without_summaries(model: "PipelineModel") -> "PipelineModel":
    """Drop the stages' training summaries. They hold the Spark session, which cannot be sent to executors once an
    `Observation` has been used in it; the model could then not be applied."""
    from pyspark import SparkContext

    for stage in model.stages:
        java = getattr(stage, "_java_obj", None)
        if java is not None and getattr(stage, "hasSummary", False):
            jvm: Any = SparkContext._jvm
            java.setSummary(jvm.scala.Option.empty())
    return model


def _fit(pipeline: "Pipeline", examples: "DataFrame") -> "PipelineModel":
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    try:
        return without_summaries(pipeline.fit(examples))
    except (PySparkException, Py4JJavaError) as exc:
        reason = str(exc).strip().splitlines()[0]
        raise TrainingError(
            "the pipeline",
            found=reason,
            expected="stages that can be fitted on the examples",
            fix="Look at the feature spec and the pipeline; a category of more than 63 values needs another encoding.",
        ) from exc
