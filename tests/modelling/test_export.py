"""A model in another form is kept only if that form's runtime gives Spark's probabilities."""

from datetime import date
from pathlib import Path

import pytest

from leapline.errors import BundleError, NotInLakeError, ToolMissingError
from leapline.features import spec as specs
from leapline.modelling import export, probe_sample
from leapline.settings import Settings
from leapline.storage import Lake, write_bytes, write_json

DAY = date(2026, 3, 4)
EXPECTED = [0.25, 0.5]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    lake, spec = Lake(tmp_path / "lake"), specs.default()
    with lake.attempt("candidates", DAY) as out:
        write_bytes(out / "features.json", spec.dumps().encode())
    with lake.attempt("evaluations", DAY) as out:
        write_json(out / probe_sample.ROWS, {"rows": [dict.fromkeys(spec.columns, 1.0)] * 2, "expected": EXPECTED})
    return Settings(home=lake.root)


def answering(monkeypatch: pytest.MonkeyPatch, scores: list[float]) -> None:
    """The form's writer and runtime, stood in for."""
    monkeypatch.setattr(
        export, "FORMS", {"onnx": (lambda *given: given[-1].write_bytes(b"model"), lambda path, rows: scores)}
    )


def test_a_form_that_answers_as_spark_is_kept(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, [0.25, 0.5 + 1e-10])
    done = export.export(settings, DAY, "onnx", tmp_path / "m.onnx", 1e-9)
    assert done["max_difference"] == pytest.approx(1e-10, rel=1e-3)
    assert (tmp_path / "m.onnx").read_bytes() == b"model"


@pytest.mark.parametrize("wrong", [0.5 + 1e-8, float("nan")])
def test_one_wrong_answer_and_what_was_there_stays(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: float
) -> None:
    answering(monkeypatch, [0.25, wrong])
    (tmp_path / "m.onnx").write_bytes(b"yesterday's")
    with pytest.raises(BundleError, match=r"away from Spark's, on 2 holdout rows; expected at most 1e-09"):
        export.export(settings, DAY, "onnx", tmp_path / "m.onnx", 1e-9)
    assert (tmp_path / "m.onnx").read_bytes() == b"yesterday's"


def test_a_day_that_was_not_trained_and_a_library_that_is_not_there(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotInLakeError, match="candidates of 2026-03-05"):
        export.export(settings, date(2026, 3, 5), "onnx", tmp_path / "m.onnx", 1e-9)
    monkeypatch.setattr(export, "NEEDED", {"onnx": ("json", "no_such_library")})
    with pytest.raises(ToolMissingError, match="found no Python package no_such_library"):
        export.export(settings, DAY, "onnx", tmp_path / "m.onnx", 1e-9)
