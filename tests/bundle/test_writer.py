"""The writer: canonical bytes, stage names, extra entries, samples, and rejected stages and options."""

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from leapline.bundle import read, write
from leapline.bundle.writer import to_bundle
from leapline.errors import BundleError, UnsupportedStageError
from tests.bundle import pipelines

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.spark
WHEN = "2026-11-24T00:00:00"
Fitted = Callable[[str], "PipelineModel"]


def test_input_output_and_schema_samples_produce_same_bytes(fitted: Fitted, frame: "DataFrame", tmp_path: Path) -> None:
    model = fitted("rf_mixed")
    samples = {"input": frame, "output": model.transform(frame), "schema": frame.schema}
    shas = {k: write(model, s, tmp_path / f"{k}.zip", name="m", timestamp=WHEN) for k, s in samples.items()}
    assert len(set(shas.values())) == 1
    assert shas["input"] == hashlib.sha256((tmp_path / "schema.zip").read_bytes()).hexdigest()


def test_stage_names_contain_op_and_position_not_uids(fitted: Fitted, frame: "DataFrame", tmp_path: Path) -> None:
    model = fitted("nested")
    write(model, frame, tmp_path / "m.zip", name="nightly", timestamp=WHEN, extra={"leapline/manifest.json": b"{}"})
    bundle = read(tmp_path / "m.zip")
    assert [n.name for n in bundle.root.walk()] == [
        *(
            "nightly",
            "pipeline_0",
            "string_indexer_0_0",
            "pipeline_0_1",
            "vector_assembler_0_1_0",
            "min_max_scaler_0_1_1",
        ),
        "logistic_regression_1",
    ]
    assert bundle.extra == {"leapline/manifest.json": b"{}"}
    with zipfile.ZipFile(tmp_path / "m.zip") as archive:
        names = archive.namelist()
        assert names == sorted(names)
        assert {i.date_time for i in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert not any(stage.uid.encode() in (tmp_path / "m.zip").read_bytes() for stage in model.stages)


def test_uid_depends_on_content(fitted: Fitted, frame: "DataFrame", tmp_path: Path) -> None:
    model = fitted("normalizer_l1")
    for name in ("a", "b"):
        write(model, frame, tmp_path / f"{name}.zip", name=name, timestamp=WHEN)
    write(model, frame, tmp_path / "again.zip", name="a", timestamp=WHEN)
    uids = [read(tmp_path / f"{name}.zip").uid for name in ("a", "b", "again")]
    assert uids[0] == uids[2] != uids[1]


def test_vector_input_requires_a_row_or_attributes(spark: "SparkSession", tmp_path: Path) -> None:
    from pyspark.ml import PipelineModel
    from pyspark.ml.feature import Normalizer
    from pyspark.ml.linalg import Vectors

    rows = spark.createDataFrame([(Vectors.dense([1.0, 2.0, 3.0]),)], ["v"])
    model = PipelineModel([Normalizer(inputCol="v", outputCol="o")])
    assert to_bundle(model, rows, name="m", timestamp=WHEN).root.children[0].model.attributes["input_size"].value == 3  # type: ignore[union-attr]
    with pytest.raises(BundleError, match="vector column v.*at least one row"):
        write(model, rows.schema, tmp_path / "m.zip", name="m", timestamp=WHEN)
    with pytest.raises(BundleError, match=r"sample of the pipeline's input"):
        write(model, rows.selectExpr("1.0 as other"), tmp_path / "m.zip", name="m", timestamp=WHEN)
    assert not list(tmp_path.iterdir())


def test_rejects_extra_entries_that_replace_the_model(fitted: Fitted, frame: "DataFrame", tmp_path: Path) -> None:
    for name in ("root/model.pb", "bundle.json", "../evil", "/abs"):
        with pytest.raises(BundleError, match="reserved or unsafe"):
            write(fitted("normalizer_l1"), frame, tmp_path / "m.zip", name="m", timestamp=WHEN, extra={name: b""})


def test_rejects_unsupported_stages_with_advice(frame: "DataFrame", tmp_path: Path) -> None:
    from pyspark.ml import Pipeline
    from pyspark.ml.feature import MinHashLSH, RFormula, SQLTransformer

    for stages, column, advice in (
        (
            [pipelines.assembled(["z"]), MinHashLSH(inputCol="features", outputCol="h")],
            "h",
            "register a writer with @leapline",
        ),
        ([SQLTransformer(statement="SELECT *, x0 + 1 AS x9 FROM __THIS__")], "unknown", "LEAPLINE_FEATURES"),
        ([RFormula(formula="label ~ x0 + country")], "unknown", "StringIndexer, OneHotEncoder and VectorAssembler"),
    ):
        model = Pipeline(stages=stages).fit(frame)
        with pytest.raises(UnsupportedStageError) as caught:
            write(model, frame, tmp_path / "m.zip", name="m", timestamp=WHEN)
        text = str(caught.value)
        assert type(model.stages[-1]).__name__ in text and column in text and advice in text
        assert "StringIndexerModel" in text


def test_rejects_subclass_of_supported_stage(frame: "DataFrame", tmp_path: Path) -> None:
    from pyspark.ml import PipelineModel
    from pyspark.ml.feature import VectorAssembler

    class Other(VectorAssembler):
        pass

    with pytest.raises(UnsupportedStageError, match="Other"):
        write(
            PipelineModel([Other(inputCols=["x0"], outputCol="o")]), frame, tmp_path / "m.zip", name="m", timestamp=WHEN
        )


def test_rejects_options_that_bundle_ml_cannot_represent(frame: "DataFrame", tmp_path: Path) -> None:
    for stages, option in _unsupported_options():
        from pyspark.ml import Pipeline

        model = Pipeline(stages=stages).fit(frame)
        with pytest.raises(UnsupportedStageError, match=option):
            write(model, frame, tmp_path / "m.zip", name="m", timestamp=WHEN)
    assert not list(tmp_path.iterdir())


def _unsupported_options() -> list[tuple[list[Any], str]]:
    from pyspark.ml.classification import DecisionTreeClassifier, NaiveBayes
    from pyspark.ml.feature import Bucketizer, Imputer, StringIndexer

    assembled = pipelines.assembled()
    return [
        (
            [StringIndexer(inputCol="colour", outputCol="o", handleInvalid="skip")],
            "handleInvalid.*StringIndexerModel.*'skip'",
        ),
        ([pipelines.assembled(handleInvalid="skip")], "handleInvalid.*VectorAssembler.*'skip'"),
        (
            [Bucketizer(splits=[0, 1, 2], inputCol="x0", outputCol="o", handleInvalid="skip")],
            "handleInvalid.*Bucketizer",
        ),
        ([Imputer(inputCol="m", outputCol="o", missingValue=-1.0)], "missingValue.*ImputerModel.*-1.0"),
        ([assembled, NaiveBayes(modelType="gaussian")], "modelType.*'gaussian'"),
        ([assembled, DecisionTreeClassifier(maxDepth=1, leafCol="leaf")], "leafCol.*'leaf'"),
    ]


def test_infinite_number_requires_protobuf(frame: "DataFrame", tmp_path: Path) -> None:
    from pyspark.ml import PipelineModel
    from pyspark.ml.feature import Normalizer

    model = PipelineModel([pipelines.assembled(out="a"), Normalizer(p=float("inf"), inputCol="a", outputCol="b")])
    with pytest.raises(BundleError, match="normalizer_1: found an infinite number"):
        write(model, frame, tmp_path / "m.zip", format="json", name="m", timestamp=WHEN)
    write(model, frame, tmp_path / "m.zip", name="m", timestamp=WHEN)
    assert read(tmp_path / "m.zip").root.children[1].model.attributes["p_norm"].value == float("inf")  # type: ignore[union-attr]


def test_gini_importances_equal_spark(fitted: Fitted, frame: "DataFrame") -> None:
    from leapline.bundle.importance import feature_importances

    for name in ("rf_plain", "tree_classifier"):
        model = fitted(name)
        importances = feature_importances(to_bundle(model, frame, name="m", timestamp=WHEN))
        assert importances and importances.kind == "gini"
        expected = dict(zip(pipelines.X, model.stages[-1].featureImportances.toArray(), strict=True))  # type: ignore[attr-defined]
        assert dict(importances.shares) == pytest.approx(expected, rel=1e-9)


def test_names_missing_jars_of_mleap(fitted: Fitted, frame: "DataFrame", tmp_path: Path) -> None:
    from leapline.bundle import write_with_mleap

    with pytest.raises(BundleError, match=r"ml\.combust\.mleap:mleap-spark_2\.13:"):
        write_with_mleap(fitted("normalizer_l1"), frame, tmp_path / "m.zip", name="m", timestamp=WHEN)
    assert not list(tmp_path.iterdir())
