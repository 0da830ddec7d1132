"""Faulty pipelines are rejected before the fit, and by `write`, with an error that names the fault."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pyspark.ml import Transformer
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable

from leapline.bundle import read, write
from leapline.bundle.validation import check_on_rows, check_stages
from leapline.errors import BundleError, LeaplineError
from tests.bundle import pipelines

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.spark
WHEN = "2026-11-24T00:00:00"


class DropsRows(Transformer, DefaultParamsReadable["DropsRows"], DefaultParamsWritable):
    """Keeps only the rows with x0 > 0."""

    def _transform(self, dataset: "DataFrame") -> "DataFrame":
        return dataset.where("x0 > 0")


class Fails(DropsRows):
    """Raises an error of its own."""

    def _transform(self, dataset: "DataFrame") -> "DataFrame":
        raise KeyError("no such segment")


class CannotBeSaved(Transformer):
    """Is not writable."""

    def _transform(self, dataset: "DataFrame") -> "DataFrame":
        return dataset


def _logistic(**options: Any) -> Any:
    from pyspark.ml.classification import LogisticRegression

    return LogisticRegression(**options)


def _indexer(**options: Any) -> Any:
    from pyspark.ml.feature import StringIndexer

    return StringIndexer(inputCol="colour", outputCol="ci", **options)


def _linear() -> Any:
    from pyspark.ml.regression import LinearRegression

    return LinearRegression(labelCol="target")


def _formula() -> Any:
    from pyspark.ml.feature import RFormula

    return RFormula(formula="label ~ x0")


FAULTS: dict[str, tuple[Callable[[], list[Any]], str]] = {
    "no stages": (list, "no stages"),
    "class instead of instance": (lambda: [DropsRows], r"the class DropsRows.*Create it with DropsRows\(\.\.\.\)"),
    "not a stage": (lambda: ["a text"], "found 'a text'.*instance of a Spark stage"),
    "stage that cannot be saved": (
        lambda: [CannotBeSaved()],
        "CannotBeSaved.*cannot save.*DefaultParamsWritable",
    ),
    "Python stage without writer": (lambda: [DropsRows()], "DropsRows.*no Bundle.ML writer"),
    "formula": (lambda: [_formula(), _logistic()], "RFormulaModel.*StringIndexer, OneHotEncoder"),
    "unknown column": (lambda: [pipelines.assembled(["x77"]), _logistic()], "x77"),
    "missing label": (lambda: [pipelines.assembled(), _logistic(labelCol="bought")], "bought"),
    "no probability": (lambda: [pipelines.assembled(), _linear()], "no column probability.*prediction"),
    "renamed probability": (
        lambda: [pipelines.assembled(), _logistic(probabilityCol="p")],
        'no column probability.*rawPrediction, p, prediction.*leave probabilityCol at "probability"',
    ),
    "three classes": (lambda: [pipelines.assembled(), _logistic(labelCol="label3")], "of size 3.*binary classifier"),
    "skipped rows": (
        lambda: [_indexer(handleInvalid="skip"), pipelines.assembled(), _logistic()],
        "handleInvalid.*'skip'",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_rejects_faulty_pipeline_before_the_fit(fault: str, frame: "DataFrame") -> None:
    from pyspark.ml import Pipeline

    stages, message = FAULTS[fault]
    pipeline = Pipeline(stages=stages())
    with pytest.raises(LeaplineError, match=f"(?s){message}"):
        check_stages(pipeline)
        check_on_rows(pipeline, frame.limit(40), ["colour", *pipelines.X])


@pytest.mark.parametrize(("stage", "message"), [(DropsRows, "of 40 rows"), (Fails, "KeyError: 'no such segment'")])
def test_rejects_stage_that_drops_rows_or_raises(stage: type[Any], message: str, frame: "DataFrame") -> None:
    from pyspark.ml import Pipeline

    pipeline = Pipeline(stages=[stage(), pipelines.assembled(), _logistic()])
    with pytest.raises(LeaplineError, match=message):
        check_on_rows(pipeline, frame.limit(40), pipelines.X, bundle=False)


def test_accepts_valid_pipelines(frame: "DataFrame") -> None:
    from pyspark.ml import Pipeline

    for name in ("rf_mixed", "nested", "gbt_classifier"):
        pipeline = Pipeline(stages=pipelines.stages(name))
        check_stages(pipeline)
        check_on_rows(pipeline, frame.limit(60), ["colour", "country", *pipelines.X])


def _search(kind: str) -> Any:
    from pyspark.ml import Pipeline, tuning
    from pyspark.ml.evaluation import BinaryClassificationEvaluator

    model = _logistic()
    grid = tuning.ParamGridBuilder().addGrid(model.regParam, [0.01, 10.0]).build()
    pipeline = Pipeline(stages=[pipelines.assembled(), model])
    options = {"numFolds": 2} if kind == "CrossValidator" else {}
    search = getattr(tuning, kind)
    return search(estimator=pipeline, estimatorParamMaps=grid, evaluator=BinaryClassificationEvaluator(), **options)


@pytest.mark.parametrize("kind", ["CrossValidator", "TrainValidationSplit"])
def test_writes_best_model_of_a_search(
    kind: str, spark: "SparkSession", frame: "DataFrame", tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from pyspark.ml import Pipeline

    search = _search(kind)
    check_stages(search)
    check_on_rows(search, frame.limit(60), pipelines.X)
    model = search.fit(frame)
    best = write(model.bestModel, frame, tmp_path / "best.zip", name="m", timestamp=WHEN)
    assert write(model, frame, tmp_path / "m.zip", name="m", timestamp=WHEN) == best
    assert f"{kind}Model: using its best model, PipelineModel" in caplog.text
    nested = Pipeline(stages=[search]).fit(frame)
    write(nested, frame, tmp_path / "nested.zip", name="m", timestamp=WHEN)
    ops = [node.op for node in read(tmp_path / "nested.zip").root.walk()]
    assert ops == ["pipeline", "pipeline", "vector_assembler", "logistic_regression"]


def test_writes_single_fitted_stage(
    fitted: Callable[[str], "PipelineModel"], frame: "DataFrame", tmp_path: Path
) -> None:
    model = fitted("svc")
    write(model.stages[-1], model.transform(frame), tmp_path / "m.zip", name="m", timestamp=WHEN)
    assert [node.op for node in read(tmp_path / "m.zip").root.children] == ["linear_svc"]


def test_write_rejects_unfitted_models(frame: "DataFrame", tmp_path: Path) -> None:
    from pyspark.ml import Pipeline, PipelineModel
    from pyspark.ml.feature import Binarizer

    for model, message in (
        (Pipeline(stages=[_logistic()]), "an unfitted Pipeline.*Call fit"),
        (_search("CrossValidator"), "an unfitted CrossValidator"),
        (PipelineModel([pipelines.assembled(), _logistic()]), "an unfitted LogisticRegression"),
        (_indexer(), "an unfitted StringIndexer"),
        (PipelineModel([Binarizer]), "the class Binarizer"),  # type: ignore[list-item]
        (PipelineModel([Binarizer(threshold=1.0)]), "found"),
        ("a text", "found a str"),
        (None, "found a NoneType"),
    ):
        with pytest.raises(BundleError, match=message):
            write(model, frame, tmp_path / "m.zip", name="m", timestamp=WHEN)
    assert not list(tmp_path.iterdir())
