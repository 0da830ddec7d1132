"""A pipeline with 60 columns, numbers and categories, that are indexed, one-hot encoded and scaled."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from benchmarks.forest import session, write_frame

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel
    from pyspark.sql import DataFrame, SparkSession

NUMBERS, SCALED, CATEGORIES = 40, 10, 10
NAMES = [f"n{i}" for i in range(NUMBERS)] + [f"s{i}" for i in range(SCALED)] + [f"c{i}" for i in range(CATEGORIES)]

CONVERSIONS = "conversions.json"


def paths(work: Path) -> tuple[Path, Path]:
    """Return the paths of the bundle and of the leap frame."""
    return work / "mixed.zip", work / "mixed.json"


def table(rows: int, seed: int) -> pd.DataFrame:
    """Return rows of the 60 columns and a label."""
    random = np.random.default_rng(seed)
    data = pd.DataFrame(random.normal(size=(rows, NUMBERS + SCALED)), columns=NAMES[: NUMBERS + SCALED])
    for k in range(CATEGORIES):
        data[f"c{k}"] = random.choice([f"value-{v}" for v in range(3 + k)], rows)
    signal = data.n0 + data.n1 * data.s0 + (data.c3 == "value-1") + random.normal(size=rows)
    return data.assign(label=(signal > 0.5).astype(float))


def make(work: Path) -> None:
    """Fit the pipeline and write its bundle and a leap frame."""
    from pyspark.ml import Pipeline
    from pyspark.ml.classification import RandomForestClassifier
    from pyspark.ml.feature import OneHotEncoder, StandardScaler, StringIndexer, VectorAssembler

    from leapline.bundle import write

    spark = session()  # before the stages, which need the JVM
    numbers, scaled, categories = NAMES[:NUMBERS], NAMES[NUMBERS : NUMBERS + SCALED], NAMES[NUMBERS + SCALED :]
    indexed, hot = [f"{name}_index" for name in categories], [f"{name}_hot" for name in categories[:4]]
    stages = [
        StringIndexer(inputCols=categories, outputCols=indexed, handleInvalid="keep"),
        OneHotEncoder(inputCols=indexed[:4], outputCols=hot, handleInvalid="keep"),
        VectorAssembler(inputCols=scaled, outputCol="to_scale"),
        StandardScaler(inputCol="to_scale", outputCol="scaled", withMean=True),
        VectorAssembler(inputCols=[*numbers, "scaled", *hot, *indexed[4:]], outputCol="features"),
        RandomForestClassifier(numTrees=60, maxDepth=10, seed=7, labelCol="label", maxBins=32),
    ]
    try:
        frame = spark.createDataFrame(table(20_000, 1))
        model = Pipeline(stages=stages).fit(frame)
        bundle, rows = paths(work)
        write(model, frame, bundle, name="mixed", timestamp="2026-01-01T00:00:00")
        write_frame(rows, table(1000, 2)[NAMES])
        (work / CONVERSIONS).write_text(json.dumps(conversions(spark, model, frame, work)))
    finally:
        spark.stop()


def conversions(spark: "SparkSession", model: "PipelineModel", frame: "DataFrame", work: Path) -> dict[str, str]:
    """Try to convert the complete pipeline, strings included; return "converts and loads" or the error per format."""

    def pmml() -> None:
        from pyspark2pmml import PMMLBuilder

        PMMLBuilder(frame, model).buildFile(str(work / "mixed.pmml"))

    def onnx() -> None:
        import onnxruntime
        from onnxmltools import convert_sparkml
        from onnxmltools.convert.common.data_types import FloatTensorType, StringTensorType

        kinds = [(n, StringTensorType([None, 1]) if n.startswith("c") else FloatTensorType([None, 1])) for n in NAMES]
        model_bytes = convert_sparkml(model, "mixed", kinds, spark_session=spark).SerializeToString()
        onnxruntime.InferenceSession(model_bytes, providers=["CPUExecutionProvider"])

    results = {}
    for name, convert in {"jpmml": pmml, "onnx": onnx}.items():
        try:
            convert()
            results[name] = "converts and loads"
        except Exception as exc:  # converters raise many types, and users see them
            results[name] = f"{type(exc).__name__}: {str(exc).splitlines()[0][:200]}"
    return results
