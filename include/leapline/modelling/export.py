"""A night's model in another serving system's form, kept only if that system gives Spark's probabilities."""

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
from leapline.storage import Lake, read_json, write_bytes

if TYPE_CHECKING:
    from leapline.training.calibration import Array

NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "onnx": ("onnx", "onnxruntime"),
    "pmml": ("pyspark2pmml", "jpmml_evaluator"),
}


def export(settings: Settings, day: date, form: str, target: Path, tolerance: float) -> dict[str, Any]:
    """Write the day's candidate to `target` as `onnx` (from the archive) or `pmml` (JPMML's converter, from Spark's
    pipeline), after the form's own runtime scored the probe's holdout rows.

    Raises:
        ToolMissingError: the form's libraries are not installed.
        NotInLakeError: the day was not trained or not evaluated.
        UnsupportedStageError: the pipeline has a stage without that form.
        BundleError: an answer is further from Spark's than `tolerance`; nothing is written.
    """
    import numpy as np

    _need(form)
    lake = Lake(settings.home)
    candidate = lake.current("candidates", day)
    sample = read_json(lake.current("evaluations", day) / probe_sample.ROWS)
    spec = specs.load(candidate / "features.json")
    rows = [{name: row[name] for name in spec.columns} for row in sample["rows"]]
    with TemporaryDirectory(prefix="leapline-export-") as scratch:
        made = Path(scratch) / f"model.{form}"
        write, score = FORMS[form]
        write(settings, candidate, spec, made)
        scores = score(made, rows)
        difference = float(np.abs(np.subtract(scores, sample["expected"])).max())  # NaN if one answer is
        if not difference <= tolerance:
            raise BundleError(
                f"the {form} form of {day}'s model",
                found=f"an answer that is {difference:.3g} away from Spark's, on {len(rows)} holdout rows",
                expected=f"at most {tolerance:g}",
                fix="Nothing was written. Serve the bundle itself, or allow more with --tolerance.",
            )
        write_bytes(target, made.read_bytes())
    return {"file": str(target), "bytes": target.stat().st_size, "rows": len(rows), "max_difference": difference}


def _need(form: str) -> None:
    missing = [name for name in NEEDED[form] if find_spec(name) is None]
    if missing:
        raise ToolMissingError(
            f"export to {form}",
            found=f"no Python package {', '.join(missing)}",
            expected=" and ".join(NEEDED[form]),
            fix="Install what requirements-dev.txt pins.",
        )


def _write_onnx(_: Settings, candidate: Path, __: specs.FeatureSpec, target: Path) -> None:
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
    return [float(buy) for _, buy in session.run(["probability"], columns)[0]]


def _write_pmml(settings: Settings, candidate: Path, spec: specs.FeatureSpec, target: Path) -> None:
    import pyspark2pmml
    from pyspark.ml import PipelineModel
    from pyspark.sql.types import DoubleType, StringType, StructField, StructType

    with spark_session(settings, "export", {"spark.jars": pyspark2pmml.spark_jars()}):
        numbers = [StructField(name, DoubleType()) for name in spec.numeric]
        words = [StructField(name, StringType()) for name in spec.categorical]
        # The converter reads the label's column, too.
        schema = StructType([*numbers, *words, StructField("label", DoubleType()), StructField("weight", DoubleType())])
        pipeline = PipelineModel.load(str(candidate / "pipeline"))
        pyspark2pmml.PMMLBuilder(schema, pipeline).buildFile(str(target))


def _score_pmml(path: Path, rows: Sequence[Mapping[str, Any]]) -> list[float]:
    import pandas as pd
    from jpmml_evaluator import make_evaluator

    evaluator = make_evaluator(str(path), "jpype")
    buys = next(f.name for f in evaluator.getOutputFields() if f.name.startswith("probability") and "1" in f.name)
    scored: pd.DataFrame = evaluator.evaluateAll(pd.DataFrame(list(rows)))
    return [float(value) for value in scored[buys]]


Writer = Callable[[Settings, Path, specs.FeatureSpec, Path], None]
Scorer = Callable[[Path, Sequence[Mapping[str, Any]]], list[float]]
FORMS: Final[Mapping[str, tuple[Writer, Scorer]]] = {
    "onnx": (_write_onnx, _score_onnx),
    "pmml": (_write_pmml, _score_pmml),
}
