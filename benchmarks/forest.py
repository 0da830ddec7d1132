"""The forest that Spark fits once for all ways of serving it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel
    from pyspark.sql import SparkSession

COLUMNS = [f"x{i}" for i in range(20)]
TREES, DEPTH, TRAINING_ROWS, ROWS = 100, 10, 20_000, 10_000


def table(rows: int, seed: int) -> pd.DataFrame:
    """Return rows of `COLUMNS` (float64) and a `label` (0.0 or 1.0) that depends on some of them, with noise."""
    random = np.random.default_rng(seed)
    data = pd.DataFrame(random.normal(size=(rows, len(COLUMNS))), columns=COLUMNS)
    signal = data.x0 + data.x1 * data.x2 + np.abs(data.x3) - 0.5 * data.x4 + random.normal(size=rows)
    return data.assign(label=(signal > 0.8).astype(float))


def session(driver_memory: str = "3g") -> "SparkSession":
    """Start Spark on one core, like every other server here, with JPMML's converter on its class path."""
    import pyspark2pmml
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[1]").appName("leapline-bench")
    for key, value in {
        "spark.jars": pyspark2pmml.spark_jars(),
        "spark.driver.memory": driver_memory,
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.sql.shuffle.partitions": "1",
    }.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def make(folder: Path) -> None:
    """Fit the forest and write it in every format, with rows to score.

    Args:
        folder: receives the model files; `rows.parquet` with `COLUMNS` and `expected`, Spark's probability of class 1;
            `frame.json`, the first 1,000 rows as a leap frame; and a forest of scikit-learn of the same size.
    """
    folder.mkdir(parents=True, exist_ok=True)
    spark = session()
    try:
        model = _fit(spark)
        rows = table(ROWS, 2)[COLUMNS]
        expected = [row.probability[1] for row in model.transform(spark.createDataFrame(rows)).collect()]
        rows.assign(expected=expected).to_parquet(folder / "rows.parquet", index=False)
        write_frame(folder / "frame.json", rows.head(1000))
        _write_formats(spark, model, folder)
    finally:
        spark.stop()
    _fit_sklearn(folder / "sklearn.pickle")


def _fit(spark: "SparkSession") -> "PipelineModel":
    from pyspark.ml import Pipeline
    from pyspark.ml.classification import RandomForestClassifier
    from pyspark.ml.feature import VectorAssembler

    forest = RandomForestClassifier(numTrees=TREES, maxDepth=DEPTH, seed=7, labelCol="label")
    stages = [VectorAssembler(inputCols=COLUMNS, outputCol="features"), forest]
    return Pipeline(stages=stages).fit(spark.createDataFrame(table(TRAINING_ROWS, 1)))


def _write_formats(spark: "SparkSession", model: "PipelineModel", folder: Path) -> None:
    from onnxmltools import convert_sparkml
    from onnxmltools.convert.common.data_types import FloatTensorType
    from pyspark2pmml import PMMLBuilder

    from benchmarks import compiled
    from leapline.bundle import write

    frame = spark.createDataFrame(table(10, 3))
    model.write().overwrite().save(str(folder / "spark"))
    write(model, frame.schema, folder / "bundle.zip", name="bench", timestamp="2026-01-01T00:00:00")
    PMMLBuilder(frame, model).buildFile(str(folder / "model.pmml"))
    inputs = [(name, FloatTensorType([None, 1])) for name in COLUMNS]
    onnx = convert_sparkml(model, "bench", inputs, spark_session=spark)
    (folder / "model.onnx").write_bytes(onnx.SerializeToString())
    compiled.make(folder)


def _fit_sklearn(path: Path) -> None:
    import pickle

    from sklearn.ensemble import RandomForestClassifier

    training = table(TRAINING_ROWS, 1)
    forest = RandomForestClassifier(n_estimators=TREES, max_depth=DEPTH, random_state=7, n_jobs=2)
    forest.fit(training[COLUMNS].to_numpy(), training.label).set_params(n_jobs=1)
    path.write_bytes(pickle.dumps(forest))


def write_frame(path: Path, rows: pd.DataFrame) -> None:
    """Write rows of doubles and strings as a leap frame (JSON)."""
    fields: list[dict[str, Any]] = [
        {"name": name, "type": "double" if rows[name].dtype.kind == "f" else "string"} for name in rows.columns
    ]
    path.write_text(json.dumps({"schema": {"fields": fields}, "rows": rows.to_numpy(object).tolist()}))
