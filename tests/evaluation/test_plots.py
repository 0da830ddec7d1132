"""Plots are drawn as far as there are numbers, and equal numbers yield equal bytes."""

from pathlib import Path

import numpy as np
import pytest

from leapline.evaluation import plots
from leapline.evaluation.metrics import curves, measure

LABELS = np.repeat([0.0, 1.0], [180, 20])
SCORES = np.random.default_rng(1).random(200) * (0.6 + 0.4 * LABELS)
IMPORTANCES = {f"feature_{i}": (30 - i) / 465 for i in range(30)}


def draw(folder: Path) -> list[Path]:
    return plots.draw(folder, "2026-03-06", measure(LABELS, SCORES), curves(LABELS, SCORES), IMPORTANCES)


def test_draws_png_and_svg_reproducibly(tmp_path: Path) -> None:
    files, again = draw(tmp_path / "a" / "b"), draw(tmp_path / "c")
    assert sorted(f.name for f in files) == sorted(f"{name}.{form}" for name in plots.NAMES for form in ("png", "svg"))
    for one, other in zip(files, again, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name
        head = one.read_bytes()[:200]
        assert head.startswith(b"\x89PNG") if one.suffix == ".png" else b"<svg" in one.read_bytes()[:600]


def test_plots_contain_formatted_numbers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(plots.STYLE, "svg.fonttype", "none")
    draw(tmp_path)
    metrics = measure(LABELS, SCORES)
    assert f"ROC AUC {metrics.roc_auc:.3f}" in (tmp_path / "roc.svg").read_text()
    assert "prevalence 10.0 %" in (tmp_path / "precision_recall.svg").read_text()
    assert "no purchase (180 sessions)" in (tmp_path / "scores.svg").read_text()
    text = (tmp_path / "importances.svg").read_text()
    assert "feature_0<" in text
    assert "feature_29<" not in text
    assert "10 less important features not shown" in text


def test_draws_nothing_without_curves_and_importances(tmp_path: Path) -> None:
    none = np.zeros(5)
    assert plots.draw(tmp_path, "x", measure(none, none), curves(none, none), {}) == []


def test_draws_perfect_model(tmp_path: Path) -> None:
    labels = np.repeat([0.0, 1.0], [50, 50])
    assert len(plots.draw(tmp_path, "x", measure(labels, labels), curves(labels, labels), {"only": 1.0})) == 8
