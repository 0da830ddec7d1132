"""Metrics equal scikit-learn's, and have a reason where they cannot be computed."""

import json
import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from leapline.evaluation import metrics as m

RNG = np.random.default_rng(5)
TRUTH = RNG.beta(1, 12, 4000)
LABELS = (RNG.random(4000) < TRUTH).astype(float)


def test_evaluates_whole_holdout() -> None:
    metrics = m.measure(LABELS, TRUTH)
    assert metrics.examples == 4000
    assert metrics.positives == LABELS.sum()
    assert metrics.roc_auc == pytest.approx(roc_auc_score(LABELS, TRUTH), abs=1e-12)
    assert metrics.roc_auc_interval is not None
    assert metrics.roc_auc_interval[0] < metrics.roc_auc < metrics.roc_auc_interval[1]
    assert metrics.prevalence is not None
    assert metrics.average_precision is not None
    assert metrics.prevalence < metrics.average_precision < 1
    assert metrics.log_loss is not None
    assert metrics.base_log_loss is not None
    assert metrics.log_loss < metrics.base_log_loss
    assert metrics.brier == pytest.approx(np.mean((TRUTH - LABELS) ** 2))
    assert metrics.calibration_error is not None
    assert metrics.calibration_error < 0.02
    assert metrics.average_precision_interval is not None
    assert metrics.average_precision_interval[0] < metrics.average_precision < metrics.average_precision_interval[1]
    assert not metrics.missing
    assert m.Metrics.from_dict(json.loads(json.dumps(metrics.as_dict() | {"more": 1}))) == metrics


def test_correlated_sessions_widen_interval() -> None:
    four = [np.tile(column, 4) for column in (LABELS, TRUTH, np.arange(4000))]
    apart, together = m.measure(four[0], four[1]), m.measure(four[0], four[1], bootstrap=m.Bootstrap(four[2], 400))
    assert apart.roc_auc_interval is not None
    assert together.roc_auc_interval is not None
    assert np.diff(together.roc_auc_interval) > 1.6 * np.diff(apart.roc_auc_interval)


def test_calibration_error_is_difference_of_forecast_and_outcome() -> None:
    labels = np.tile([0.0, 0.0, 0.0, 1.0], 250)
    assert m.measure(labels, np.full(1000, 0.35)).calibration_error == pytest.approx(0.1, abs=0.01)
    assert m.measure(labels, np.full(1000, 0.25)).calibration_error == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize(
    ("labels", "scores", "why"),
    [
        ([], [], "empty"),
        ([0, 0], [0.1, 0.2], "no positives"),
        ([1, 1], [0.1, 0.2], "only positives"),
        ([0, 1], [0.1, math.nan], "1 of 2 scores"),
        ([0, 1], [0.1, 1.5], "1 of 2 scores"),
    ],
)
def test_missing_metric_has_reason(labels: list[float], scores: list[float], why: str) -> None:
    metrics = m.measure(np.array(labels), np.array(scores))
    assert metrics.roc_auc is metrics.average_precision is metrics.log_loss is metrics.brier is None
    assert why in metrics.missing["roc_auc"]
    assert m.curves(np.array(labels), np.array(scores)) is None


def test_perfect_ranking_has_no_interval() -> None:
    assert m.measure(np.array([0.0, 1.0]), np.array([0.0, 1.0])).roc_auc_interval is None


def test_odds_calibration_corrects_for_weight() -> None:
    weighted = 15 * TRUTH / (15 * TRUTH + 1 - TRUTH)
    calibrated_scores = m.calibrate(weighted, {"kind": "odds", "factor": 1 / 15})
    assert np.allclose(calibrated_scores, TRUTH, atol=1e-12)
    calibrated, raw = m.measure(LABELS, weighted, {"kind": "odds", "factor": 1 / 15}), m.measure(LABELS, weighted)
    assert calibrated.roc_auc == raw.roc_auc
    assert calibrated.log_loss is not None
    assert raw.log_loss is not None
    assert calibrated.log_loss < raw.log_loss


def test_isotonic_calibration_interpolates_between_knots() -> None:
    knots = {"kind": "isotonic", "x": [0.2, 0.6], "y": [0.1, 0.3]}
    assert m.calibrate(np.array([0.0, 0.2, 0.4, 0.6, 1.0]), knots) == pytest.approx([0.1, 0.1, 0.2, 0.3, 0.3])


def test_curves_are_thinned_and_keep_end_points() -> None:
    curves = m.curves(LABELS, TRUTH)
    assert curves is not None
    roc, pr = curves.roc, curves.precision_recall
    assert len(roc["fpr"]) <= m.CURVE_POINTS
    assert (roc["fpr"][0], roc["tpr"][0], roc["fpr"][-1], roc["tpr"][-1]) == (0, 0, 1, 1)
    assert (pr["recall"][0], pr["recall"][-1]) == (0, 1)
    assert np.trapezoid(roc["tpr"], roc["fpr"]) == pytest.approx(roc_auc_score(LABELS, TRUTH), abs=0.002)
    assert sum(curves.histogram["buyers"]) == LABELS.sum()
    assert sum(curves.reliability["examples"]) == 4000
    assert curves.reliability["forecast"] == sorted(curves.reliability["forecast"])
    json.dumps(curves.as_dict())
