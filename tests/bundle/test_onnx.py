"""Export to ONNX: ONNX Runtime returns the same results as Spark."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from leapline.bundle import Bundle, Node, read, write
from leapline.bundle.model import Model, Socket
from leapline.bundle.onnx import to_onnx
from leapline.errors import UnsupportedStageError
from tests.bundle.pipelines import COLOURS

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel
    from pyspark.sql import DataFrame

pytestmark = pytest.mark.spark
Fitted = Callable[[str], "PipelineModel"]


def bundle_of(model: "PipelineModel", frame: "DataFrame", folder: Path) -> Bundle:
    write(model, frame, folder / "m.zip", name="m", timestamp="2026-11-24T00:00:00")
    return read(folder / "m.zip")


def onnx_answers(bundle: Bundle, rows: list[Any]) -> tuple[Any, Any]:
    """Score rows with ONNX Runtime; a missing category is an empty string.

    Returns:
        Probabilities and predictions.
    """
    from onnxruntime import InferenceSession

    session = InferenceSession(to_onnx(bundle).SerializeToString(), providers=["CPUExecutionProvider"])
    columns = {
        column.name: np.array([[row[column.name] or ""] for row in rows], object)
        if column.type == "tensor(string)"
        else np.array([[row[column.name]] for row in rows], np.float64)
        for column in session.get_inputs()
    }
    probability, prediction = session.run(["probability", "prediction"], columns)
    return probability, prediction


@pytest.mark.parametrize(
    "name", ["rf_plain", "rf_categories", "tree_classifier", "tree_thresholds", "forest_thresholds"]
)
def test_results_equal_spark(fitted: Fitted, frame: "DataFrame", rows: "DataFrame", tmp_path: Path, name: str) -> None:
    model = fitted(name)
    expected = model.transform(rows).collect()
    probability, prediction = onnx_answers(bundle_of(model, frame, tmp_path), expected)
    np.testing.assert_allclose(probability, [row.probability.toArray() for row in expected], rtol=0, atol=1e-14)
    assert prediction.tolist() == [row.prediction for row in expected]
    assert len({tuple(p) for p in probability}) > 3


def test_exports_model_with_only_a_prediction_column(
    fitted: Fitted, frame: "DataFrame", rows: "DataFrame", tmp_path: Path
) -> None:
    model = fitted("prediction_only")
    expected = model.transform(rows).collect()
    _, prediction = onnx_answers(bundle_of(model, frame, tmp_path), expected)
    assert prediction.tolist() == [row.prediction for row in expected]


def test_rejects_pipeline_without_model() -> None:
    assembler = Node("a", Model("vector_assembler"), (Socket("input0", "x"),), (Socket("output", "o"),))
    with pytest.raises(UnsupportedStageError, match="no model"):
        to_onnx(Bundle("u", "n", "t", assembler, "json"))


def test_forest_of_the_test_has_category_sets_on_both_sides(fitted: Fitted, frame: "DataFrame", tmp_path: Path) -> None:
    [forest] = [n for n in bundle_of(fitted("rf_categories"), frame, tmp_path).root.walk() if n.trees()]
    splits = [r for tree in forest.trees() for r in tree if hasattr(r, "categories")]
    assert {r.is_left for r in splits} == {True, False}
    assert max(len(r.categories) for r in splits) > 1


def test_exports_tree_of_one_leaf(frame: "DataFrame", tmp_path: Path) -> None:
    from pyspark.ml import Pipeline
    from pyspark.ml.classification import DecisionTreeClassifier
    from pyspark.ml.feature import VectorAssembler

    stages = [VectorAssembler(inputCols=["x0"], outputCol="features"), DecisionTreeClassifier(maxDepth=0)]
    model = Pipeline(stages=stages).fit(frame)
    expected = model.transform(frame).head()
    assert expected
    probability, _ = onnx_answers(bundle_of(model, frame, tmp_path), [{"x0": 0.5}])
    assert probability[0].tolist() == pytest.approx(expected.probability.toArray().tolist(), abs=1e-15)


@pytest.mark.parametrize(("name", "message"), [("kmeans", "op k_means"), ("rf_mixed", "op one_hot_encoder")])
def test_names_unsupported_stage(fitted: Fitted, frame: "DataFrame", tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(UnsupportedStageError, match=f"{message}; expected one of string_indexer, vector_assembler, "):
        to_onnx(bundle_of(fitted(name), frame, tmp_path))


def test_rejects_indexer_that_fails_on_unseen_values() -> None:
    indexer = Node("i", Model("string_indexer"), (Socket("input", COLOURS[0]),), (Socket("output", "o"),))
    with pytest.raises(UnsupportedStageError, match='expected handleInvalid="keep"'):
        to_onnx(Bundle("u", "n", "t", indexer, "json"))
