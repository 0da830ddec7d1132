"""Other ways to serve the forest from Python, each in its own process.

    python -m benchmarks.peers NAME FOLDER

prints `first` after it has scored its first row, then its measurements as JSON. As in production, the input has named
columns and the output is a probability; each peer uses one core.
"""

import json
import pickle
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil

from benchmarks import compiled
from benchmarks.forest import COLUMNS, session

# Score one row, given by column name, or a table; both return the probability of class 1.
One = Callable[[dict[str, Any]], float]
Many = Callable[[pd.DataFrame], np.ndarray]


def spark(folder: Path) -> tuple[One, Many]:
    """Return the scoring functions of Spark, local, on one core."""
    from pyspark.ml import PipelineModel

    spark_session = session()
    model = PipelineModel.load(str(folder / "spark"))

    def many(rows: pd.DataFrame) -> np.ndarray:
        scored = model.transform(spark_session.createDataFrame(rows)).select("probability").collect()
        return np.array([row.probability[1] for row in scored])

    return lambda row: float(many(pd.DataFrame([row]))[0]), many


def onnx(folder: Path) -> tuple[One, Many]:
    """Return the scoring functions of ONNX Runtime for the model of `onnxmltools`, in single precision."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = onnxruntime.InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])
    probability = next(out.name for out in model.get_outputs() if "prob" in out.name)

    def run(columns: dict[str, np.ndarray]) -> np.ndarray:
        return np.asarray(model.run([probability], columns)[0])[:, 1]

    return (
        lambda row: float(run({name: np.array([[value]], np.float32) for name, value in row.items()})[0]),
        lambda rows: run({name: rows[[name]].to_numpy(np.float32) for name in COLUMNS}),
    )


def jpmml(folder: Path) -> tuple[One, Many]:
    """Return the scoring functions of JPMML's evaluator, in a JVM inside this process."""
    from jpmml_evaluator import make_evaluator

    evaluator = make_evaluator(str(folder / "model.pmml"), "jpype").verify()
    probability = next(
        f.name for f in evaluator.getOutputFields() if f.name.startswith("probability") and "1" in f.name
    )
    return (
        lambda row: float(evaluator.evaluate(row)[probability]),
        lambda rows: evaluator.evaluateAll(rows)[probability].to_numpy(float),
    )


def sklearn(folder: Path) -> tuple[One, Many]:
    """Return the scoring functions of scikit-learn's forest, whose trees and therefore scores differ from Spark's."""
    model = pickle.loads((folder / "sklearn.pickle").read_bytes())  # noqa: S301 (written by this benchmark)

    def many(values: np.ndarray) -> np.ndarray:
        return np.asarray(model.predict_proba(values)[:, 1])

    return (
        lambda row: float(many(np.array([[row[name] for name in COLUMNS]]))[0]),
        lambda rows: many(rows[COLUMNS].to_numpy()),
    )


def tl2cgen(folder: Path) -> tuple[One, Many]:
    """Return the scoring functions of the forest as C code, compiled by GCC."""
    probabilities = compiled.scorer(folder)
    return (
        lambda row: float(probabilities(np.array([[row[name] for name in COLUMNS]]))[0]),
        lambda rows: probabilities(rows[COLUMNS].to_numpy()),
    )


PEERS: dict[str, Callable[[Path], tuple[One, Many]]] = {
    "spark": spark, "onnx": onnx, "jpmml": jpmml, "sklearn": sklearn, "tl2cgen": tl2cgen,
}  # fmt: skip
FILES = {
    "spark": "spark", "onnx": "model.onnx", "jpmml": "model.pmml", "sklearn": "sklearn.pickle",
    "tl2cgen": compiled.LIBRARY,
}  # fmt: skip


def measure(name: str, folder: Path, seconds: float) -> dict[str, Any]:
    """Score one row at a time for `seconds`, then 10,000 rows at once, three times.

    Returns:
        Times in microseconds, rows per second, bytes, and the greatest difference from Spark's probability.
    """
    frame = pd.read_parquet(folder / "rows.parquet")
    rows, expected = frame[COLUMNS], frame["expected"].to_numpy()
    singles = rows.head(1000).to_dict("records")
    one, many = PEERS[name](folder)
    one(singles[0])
    print("first", flush=True)
    durations = _one_by_one(one, singles, seconds)
    batches = []
    for _ in range(3):
        began = time.perf_counter()
        scores = many(rows)
        batches.append(time.perf_counter() - began)
    difference = None if name == "sklearn" else float(np.abs(scores - expected).max())
    return {
        "one_row_p50_us": float(np.quantile(durations, 0.5) / 1e3),
        "one_row_p99_us": float(np.quantile(durations, 0.99) / 1e3),
        "one_row_measurements": len(durations),
        "batch_rows_per_s": len(rows) / min(batches),
        "greatest_difference": difference,
        "memory_bytes": _memory(),
        "artefact_bytes": _size(folder / FILES[name]),
    }


def _one_by_one(one: One, rows: list[dict[str, Any]], seconds: float) -> list[int]:
    durations: list[int] = []
    warm_until = time.monotonic() + seconds / 4
    end = warm_until + seconds
    n = 0
    while time.monotonic() < end or len(durations) < 20:
        began = time.perf_counter_ns()
        one(rows[n % len(rows)])
        spent = time.perf_counter_ns() - began
        if time.monotonic() > warm_until:
            durations.append(spent)
        n += 1
    return durations


def _memory() -> int:
    process = psutil.Process()
    return sum(p.memory_info().rss for p in [process, *process.children(recursive=True)])


def _size(path: Path) -> int:
    return sum(f.stat().st_size for f in path.rglob("*") if f.is_file()) if path.is_dir() else path.stat().st_size


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]))))
