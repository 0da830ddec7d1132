"""Types and names of columns: unsupported types are rejected, nested and differently capitalized names work."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from leapline.bundle import inspect, read, verify, write
from leapline.errors import BundleError
from leapline.training.forest import importances

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.spark
WHEN = "2026-11-24T00:00:00"


def _write(stages: list[Any], frame: "DataFrame", folder: Path) -> list[str]:
    from pyspark.ml import Pipeline

    write(Pipeline(stages=stages).fit(frame), frame, folder / "m.zip", name="m", timestamp=WHEN)
    return [socket.column for node in read(folder / "m.zip").root.walk() for socket in node.inputs]


def test_rejects_decimals_in_an_imputer(spark: "SparkSession", tmp_path: Path) -> None:
    from pyspark.ml.feature import Imputer

    frame = spark.sql("SELECT CAST(id + 0.5 AS DECIMAL(10, 2)) AS price FROM range(9)")
    with pytest.raises(BundleError, match=r"column price of stage ImputerModel.*'decimal'.*Cast price to double"):
        _write([Imputer(inputCol="price", outputCol="p")], frame, tmp_path)


def test_writes_column_whose_name_differs_in_case(spark: "SparkSession", tmp_path: Path) -> None:
    from pyspark.ml.feature import Normalizer, VectorAssembler

    frame = spark.sql("SELECT id + 0.5D AS Price FROM range(9)")
    stages = [VectorAssembler(inputCols=["price"], outputCol="V"), Normalizer(inputCol="v", outputCol="o")]
    assert _write(stages, frame, tmp_path) == ["price", "v"]


def test_writes_field_of_a_struct(spark: "SparkSession", tmp_path: Path) -> None:
    from pyspark.ml.feature import VectorAssembler

    frame = spark.sql("SELECT struct(id + 0.5D AS price) AS item FROM range(9)")
    assert _write([VectorAssembler(inputCols=["item.price"], outputCol="o")], frame, tmp_path) == ["item.price"]


@pytest.mark.parametrize("kind", ["int", "bigint", "double", "float"])
def test_indexer_over_numbers_accepts_numbers_of_any_type(
    kind: str, spark: "SparkSession", scorer: Path, tmp_path: Path
) -> None:
    from pyspark.ml.feature import StringIndexer

    numbers = [0, 1, 2, 3, 9]
    training = spark.createDataFrame([(i % 4,) for i in range(10)], "n int").selectExpr(f"CAST(n AS {kind}) n")
    scored = spark.createDataFrame([(n,) for n in numbers], "n int").selectExpr(f"CAST(n AS {kind}) n")
    model = StringIndexer(inputCol="n", outputCol="i", handleInvalid="keep").fit(training)
    write(model, training, tmp_path / "m.zip", name="m", timestamp=WHEN)
    indices = [{"i": row["i"]} for row in model.transform(scored).collect()]
    forms: dict[str, list[Any]] = {
        "integer": numbers,
        "long": numbers,
        "double": [float(n) for n in numbers],
        "string": [str(n) for n in numbers],
    }
    for leap_type, values in forms.items():
        rows = tmp_path / f"{leap_type}.json"
        fields = [{"name": "n", "type": leap_type}]
        rows.write_text(json.dumps({"schema": {"fields": fields}, "rows": [[v] for v in values], "expected": indices}))
        assert verify(tmp_path / "m.zip", rows, scorer=scorer)["passed"], leap_type
    assert inspect(tmp_path / "m.zip")["inputs"] == [{"name": "n", "type": kind}]


def test_stores_no_types_for_strings(spark: "SparkSession", tmp_path: Path) -> None:
    from pyspark.ml.feature import StringIndexer

    frame = spark.sql("SELECT CAST(id AS STRING) AS s FROM range(9)")
    _write([StringIndexer(inputCol="s", outputCol="i")], frame, tmp_path)
    assert read(tmp_path / "m.zip").extra == {}


def test_names_missing_column(spark: "SparkSession", tmp_path: Path) -> None:
    from pyspark.ml import PipelineModel
    from pyspark.ml.feature import VectorAssembler

    model = PipelineModel([VectorAssembler(inputCols=["price"], outputCol="o")])
    with pytest.raises(BundleError, match="price"):
        write(model, spark.sql("SELECT 1 AS other"), tmp_path / "m.zip", name="m", timestamp=WHEN)


def test_importances_add_up_per_column_without_metadata(frame: "DataFrame") -> None:
    from pyspark.ml import Pipeline
    from pyspark.ml.classification import RandomForestClassifier
    from pyspark.ml.feature import PCA, OneHotEncoder, StandardScaler, StringIndexer, VectorAssembler

    indexed = [
        StringIndexer(inputCol="country", outputCol="country_i", handleInvalid="keep"),
        OneHotEncoder(inputCol="country_i", outputCol="hot"),
        VectorAssembler(inputCols=["hot", "x0", "x1"], outputCol="raw"),
    ]
    forest = RandomForestClassifier(numTrees=3, seed=1)
    scaled = Pipeline(stages=[*indexed, StandardScaler(inputCol="raw", outputCol="features"), forest]).fit(frame)
    shares = importances(scaled, frame)
    assert set(shares) == {"country", "x0", "x1"}
    assert sum(shares.values()) == pytest.approx(1)
    components = Pipeline(stages=[*indexed, PCA(k=2, inputCol="raw", outputCol="features"), forest]).fit(frame)
    assert importances(components, frame) == {"features": pytest.approx(1)}
