"""An exported model is written only if its runtime reproduces Spark's probabilities."""

from datetime import date
from pathlib import Path

import pytest

from leapline.errors import BundleError, NotInLakeError, ToolMissingError
from leapline.features import spec as specs
from leapline.modelling import export, probe_sample
from leapline.settings import Settings
from leapline.storage import Lake, write_bytes, write_json
from tests.lakes import folder_of

DAY = date(2026, 3, 4)
EXPECTED = [0.25, 0.5]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    lake, spec = Lake(tmp_path / "lake"), specs.default()
    with lake.attempt("candidates", DAY) as out:
        write_bytes(out / "features.json", spec.dumps().encode())
    with lake.attempt("evaluations", DAY) as out:
        write_json(out / probe_sample.ROWS, {"rows": [dict.fromkeys(spec.columns, 1.0)] * 2, "expected": EXPECTED})
    return Settings(home=folder_of(lake))


def scores_as(monkeypatch: pytest.MonkeyPatch, scores: list[float]) -> None:
    """Replace the format's writer and runtime."""
    monkeypatch.setattr(
        export, "FORMATS", {"onnx": (lambda *given: given[-1].write_bytes(b"model"), lambda path, rows: scores)}
    )


def test_writes_export_that_reproduces_spark(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores_as(monkeypatch, [0.25, 0.5 + 1e-10])
    done = export.export(settings, DAY, "onnx", tmp_path / "m.onnx", 1e-9)
    assert done["max_difference"] == pytest.approx(1e-10, rel=1e-3)
    assert (tmp_path / "m.onnx").read_bytes() == b"model"


@pytest.mark.parametrize("wrong", [0.5 + 1e-8, float("nan")])
def test_keeps_existing_file_if_a_score_differs(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: float
) -> None:
    scores_as(monkeypatch, [0.25, wrong])
    (tmp_path / "m.onnx").write_bytes(b"yesterday's")
    with pytest.raises(
        BundleError,
        match=r"differs from Spark's by (1e-08|nan), on 2 holdout rows; expected at most 1e-09",
    ):
        export.export(settings, DAY, "onnx", tmp_path / "m.onnx", 1e-9)
    assert (tmp_path / "m.onnx").read_bytes() == b"yesterday's"


def test_rejects_untrained_day_and_missing_library(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotInLakeError, match="candidates of 2026-03-05"):
        export.export(settings, date(2026, 3, 5), "onnx", tmp_path / "m.onnx", 1e-9)
    monkeypatch.setattr(export, "REQUIRED_PACKAGES", {"onnx": ("json", "no_such_library")})
    with pytest.raises(ToolMissingError, match="found no Python package no_such_library"):
        export.export(settings, DAY, "onnx", tmp_path / "m.onnx", 1e-9)
