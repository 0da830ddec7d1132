"""A bundle as ONNX: ONNX Runtime gives Spark's numbers."""

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
    """Probability and prediction; an absent category is an empty text."""
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
def test_the_numbers_are_sparks(
    fitted: Fitted, frame: "DataFrame", rows: "DataFrame", tmp_path: Path, name: str
) -> None:
    model = fitted(name)
    expected = model.transform(rows).collect()
    probability, prediction = onnx_answers(bundle_of(model, frame, tmp_path), expected)
    np.testing.assert_allclose(probability, [row.probability.toArray() for row in expected], rtol=0, atol=1e-14)
    assert prediction.tolist() == [row.prediction for row in expected]
    assert len({tuple(p) for p in probability}) > 3


def test_a_model_that_writes_its_prediction_alone(
    fitted: Fitted, frame: "DataFrame", rows: "DataFrame", tmp_path: Path
) -> None:
    model = fitted("prediction_only")
    expected = model.transform(rows).collect()
    _, prediction = onnx_answers(bundle_of(model, frame, tmp_path), expected)
    assert prediction.tolist() == [row.prediction for row in expected]


def test_stages_without_a_model_are_refused() -> None:
    assembler = Node("a", Model("vector_assembler"), (Socket("input0", "x"),), (Socket("output", "o"),))
    with pytest.raises(UnsupportedStageError, match="no model, only stages before one"):
        to_onnx(Bundle("u", "n", "t", assembler, "json"))


def test_sets_of_categories_are_in_the_test(fitted: Fitted, frame: "DataFrame", tmp_path: Path) -> None:
    [forest] = [n for n in bundle_of(fitted("rf_categories"), frame, tmp_path).root.walk() if n.trees()]
    splits = [r for tree in forest.trees() for r in tree if hasattr(r, "categories")]
    assert {r.is_left for r in splits} == {True, False}
    assert max(len(r.categories) for r in splits) > 1


def test_a_tree_that_is_one_leaf(frame: "DataFrame", tmp_path: Path) -> None:
    from pyspark.ml import Pipeline
    from pyspark.ml.classification import DecisionTreeClassifier
    from pyspark.ml.feature import VectorAssembler

    stages = [VectorAssembler(inputCols=["x0"], outputCol="features"), DecisionTreeClassifier(maxDepth=0)]
    model = Pipeline(stages=stages).fit(frame)
    expected = model.transform(frame).head()
    assert expected
    probability, _ = onnx_answers(bundle_of(model, frame, tmp_path), [{"x0": 0.5}])
    assert probability[0].tolist() == pytest.approx(expected.probability.toArray().tolist(), abs=1e-15)


@pytest.mark.parametrize(("name", "said"), [("kmeans", "op k_means"), ("rf_mixed", "op one_hot_encoder")])
def test_other_stages_are_refused_by_name(
    fitted: Fitted, frame: "DataFrame", tmp_path: Path, name: str, said: str
) -> None:
    with pytest.raises(UnsupportedStageError, match=f"{said}; expected one of string_indexer, vector_assembler, "):
        to_onnx(bundle_of(fitted(name), frame, tmp_path))


def test_an_indexer_that_fails_has_no_form() -> None:
    indexer = Node("i", Model("string_indexer"), (Socket("input", COLOURS[0]),), (Socket("output", "o"),))
    with pytest.raises(UnsupportedStageError, match='expected handleInvalid="keep"'):
        to_onnx(Bundle("u", "n", "t", indexer, "json"))
