"""Metrics against scikit-learn, against simulation, and where they do not exist."""

import json
import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from leapline.evaluation import metrics as m

RNG = np.random.default_rng(5)
TRUTH = RNG.beta(1, 12, 4000)
LABELS = (RNG.random(4000) < TRUTH).astype(float)


def test_the_usual_numbers() -> None:
    found = m.measure(LABELS, TRUTH)
    assert found.examples == 4000
    assert found.positives == LABELS.sum()
    assert found.roc_auc == pytest.approx(roc_auc_score(LABELS, TRUTH), abs=1e-12)
    assert found.roc_auc_interval is not None
    assert found.roc_auc_interval[0] < found.roc_auc < found.roc_auc_interval[1]
    assert found.prevalence is not None
    assert found.average_precision is not None
    assert found.prevalence < found.average_precision < 1
    assert found.log_loss is not None
    assert found.base_log_loss is not None
    assert found.log_loss < found.base_log_loss
    assert found.brier == pytest.approx(np.mean((TRUTH - LABELS) ** 2))
    assert found.calibration_error is not None
    assert found.calibration_error < 0.02
    assert found.average_precision_interval is not None
    assert found.average_precision_interval[0] < found.average_precision < found.average_precision_interval[1]
    assert not found.missing
    assert m.Metrics.from_dict(json.loads(json.dumps(found.as_dict() | {"more": 1}))) == found


def test_sessions_of_one_visitor_widen_the_interval() -> None:
    four = [np.tile(column, 4) for column in (LABELS, TRUTH, np.arange(4000))]
    apart, together = m.measure(four[0], four[1]), m.measure(four[0], four[1], draws=m.Draws(four[2], 400))
    assert apart.roc_auc_interval is not None
    assert together.roc_auc_interval is not None
    assert np.diff(together.roc_auc_interval) > 1.6 * np.diff(apart.roc_auc_interval)


def test_the_calibration_error_is_the_distance_of_forecast_and_outcome() -> None:
    labels = np.tile([0.0, 0.0, 0.0, 1.0], 250)
    assert m.measure(labels, np.full(1000, 0.35)).calibration_error == pytest.approx(0.1, abs=0.01)
    assert m.measure(labels, np.full(1000, 0.25)).calibration_error == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize(
    ("labels", "scores", "why"),
    [
        ([], [], "empty"),
        ([0, 0], [0.1, 0.2], "no buyers"),
        ([1, 1], [0.1, 0.2], "nothing but buyers"),
        ([0, 1], [0.1, math.nan], "1 of 2 scores"),
        ([0, 1], [0.1, 1.5], "1 of 2 scores"),
    ],
)
def test_what_cannot_be_computed_is_none_with_a_reason(labels: list[float], scores: list[float], why: str) -> None:
    found = m.measure(np.array(labels), np.array(scores))
    assert found.roc_auc is found.average_precision is found.log_loss is found.brier is None
    assert why in found.missing["roc_auc"]
    assert m.curves(np.array(labels), np.array(scores)) is None


def test_a_perfect_ranking_has_no_interval() -> None:
    assert m.measure(np.array([0.0, 1.0]), np.array([0.0, 1.0])).roc_auc_interval is None


def test_odds_calibration_undoes_a_weight() -> None:
    weighted = 15 * TRUTH / (15 * TRUTH + 1 - TRUTH)
    undone = m.calibrate(weighted, {"kind": "odds", "factor": 1 / 15})
    assert np.allclose(undone, TRUTH, atol=1e-12)
    calibrated, raw = m.measure(LABELS, weighted, {"kind": "odds", "factor": 1 / 15}), m.measure(LABELS, weighted)
    assert calibrated.roc_auc == raw.roc_auc
    assert calibrated.log_loss is not None
    assert raw.log_loss is not None
    assert calibrated.log_loss < raw.log_loss


def test_isotonic_calibration_is_linear_between_knots_and_flat_beyond() -> None:
    knots = {"kind": "isotonic", "x": [0.2, 0.6], "y": [0.1, 0.3]}
    assert m.calibrate(np.array([0.0, 0.2, 0.4, 0.6, 1.0]), knots) == pytest.approx([0.1, 0.1, 0.2, 0.3, 0.3])


def test_curves_are_thin_and_keep_their_ends() -> None:
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
