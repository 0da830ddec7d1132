"""Export a candidate's model to another format; the file is kept only if its runtime reproduces Spark's scores."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from leapline.errors import BundleError, ToolMissingError
from leapline.features import spec as specs
from leapline.modelling import probe_sample
from leapline.runtime.spark import spark_session
from leapline.settings import Settings
from leapline.storage import Folder, lake_of, read_json, write_bytes

if TYPE_CHECKING:
    from leapline.training.calibration import Array

REQUIRED_PACKAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "onnx": ("onnx", "onnxruntime"),
    "pmml": ("pyspark2pmml", "jpmml_evaluator"),
}


def export(settings: Settings, day: date, form: str, target: Path, tolerance: float) -> dict[str, Any]:
    """Convert the day's candidate, score the probe's holdout rows with the format's runtime, and write the file.

    Args:
        settings: where the lake is.
        day: the data day.
        form: `onnx` (converted from the bundle) or `pmml` (JPMML's converter, from Spark's pipeline).
        target: file to write.
        tolerance: maximum absolute difference from Spark's probability.

    Returns:
        `file`, `bytes`, `rows` (compared) and `max_difference`.

    Raises:
        ToolMissingError: the format's libraries are not installed.
        NotInLakeError: the day was not trained or not evaluated.
        UnsupportedStageError: the pipeline has a stage that the format does not support.
        BundleError: a score differs from Spark's by more than `tolerance`; nothing is written.
    """
    import numpy as np

    _require_packages(form)
    lake = lake_of(settings)
    candidate = lake.current("candidates", day)
    sample = read_json(lake.current("evaluations", day) / probe_sample.ROWS)
    spec = specs.load(candidate / "features.json")
    rows = [{name: row[name] for name in spec.columns} for row in sample["rows"]]
    with TemporaryDirectory(prefix="leapline-export-") as scratch:
        exported = Path(scratch) / f"model.{form}"
        write, score = FORMATS[form]
        write(settings, candidate, spec, exported)
        scores = score(exported, rows)
        difference = float(np.abs(np.subtract(scores, sample["expected"])).max())  # NaN if a score is
        if not difference <= tolerance:
            raise BundleError(
                f"the {form} export of {day}'s model",
                found=f"a score that differs from Spark's by {difference:.3g}, on {len(rows)} holdout rows",
                expected=f"at most {tolerance:g}",
                fix="Nothing was written. Serve the bundle itself, or raise --tolerance.",
            )
        write_bytes(target, exported.read_bytes())
    return {"file": str(target), "bytes": target.stat().st_size, "rows": len(rows), "max_difference": difference}


def _require_packages(form: str) -> None:
    missing = [name for name in REQUIRED_PACKAGES[form] if find_spec(name) is None]
    if missing:
        raise ToolMissingError(
            f"export to {form}",
            found=f"no Python package {', '.join(missing)}",
            expected=" and ".join(REQUIRED_PACKAGES[form]),
            fix="Install the versions in requirements-dev.txt.",
        )


def _write_onnx(_: Settings, candidate: Folder, __: specs.FeatureSpec, target: Path) -> None:
    from leapline.bundle import read
    from leapline.bundle.onnx import to_onnx

    target.write_bytes(to_onnx(read(candidate / "model.zip")).SerializeToString())


def _score_onnx(path: Path, rows: Sequence[Mapping[str, Any]]) -> list[float]:
    import numpy as np
    from onnxruntime import InferenceSession

    session = InferenceSession(str(path), providers=["CPUExecutionProvider"])
    kinds: dict[str, Any] = {"tensor(string)": object, "tensor(double)": np.float64}
    columns: dict[str, Array] = {
        column.name: np.array([[row[column.name]] for row in rows], kinds[column.type])
        for column in session.get_inputs()
    }
    return [float(probability) for _, probability in session.run(["probability"], columns)[0]]


def _write_pmml(settings: Settings, candidate: Folder, spec: specs.FeatureSpec, target: Path) -> None:
    import pyspark2pmml
    from pyspark.ml import PipelineModel
    from pyspark.sql.types import DoubleType, StringType, StructField, StructType

    with spark_session(settings, "export", {"spark.jars": pyspark2pmml.spark_jars()}):
        numbers = [StructField(name, DoubleType()) for name in spec.numeric]
        words = [StructField(name, StringType()) for name in spec.categorical]
        # The converter also requires the label and weight columns.
        schema = StructType([*numbers, *words, StructField("label", DoubleType()), StructField("weight", DoubleType())])
        pipeline = PipelineModel.load(lake_of(settings).address(candidate, "pipeline"))
        pyspark2pmml.PMMLBuilder(schema, pipeline).buildFile(str(target))


def _score_pmml(path: Path, rows: Sequence[Mapping[str, Any]]) -> list[float]:
    import pandas as pd
    from jpmml_evaluator import make_evaluator

    evaluator = make_evaluator(str(path), "jpype")
    output = next(f.name for f in evaluator.getOutputFields() if f.name.startswith("probability") and "1" in f.name)
    scored: pd.DataFrame = evaluator.evaluateAll(pd.DataFrame(list(rows)))
    return [float(value) for value in scored[output]]


Writer = Callable[[Settings, Folder, specs.FeatureSpec, Path], None]
Scorer = Callable[[Path, Sequence[Mapping[str, Any]]], list[float]]
FORMATS: Final[Mapping[str, tuple[Writer, Scorer]]] = {
    "onnx": (_write_onnx, _score_onnx),
    "pmml": (_write_pmml, _score_pmml),
}
