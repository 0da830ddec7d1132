"""Calibration by a factor on the odds, and the threshold."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from leapline.training import calibration as c

RNG = np.random.default_rng(3)
TRUTH = RNG.beta(1, 12, 5000)
LABELS = (RNG.random(5000) < TRUTH).astype(float)
WEIGHTED = 14 * TRUTH / (14 * TRUTH + 1 - TRUTH)


def test_mean_probability_equals_prevalence() -> None:
    calibration = c.calibrate(LABELS, WEIGHTED)
    assert c.odds_times(calibration.factor, WEIGHTED).mean() == pytest.approx(LABELS.mean(), rel=1e-5)
    assert calibration.factor == pytest.approx(1 / 14, rel=0.1)
    assert calibration.as_dict() == {"kind": "odds", "factor": calibration.factor}


def test_result_is_independent_of_row_order() -> None:
    coarse = np.round(WEIGHTED, 2)
    shuffled = RNG.permutation(5000)
    assert c.calibrate(LABELS, coarse) == c.calibrate(LABELS[shuffled], coarse[shuffled])


def test_threshold_maximises_f1() -> None:
    coarse = np.round(TRUTH, 2)
    chosen = c.best_f1_threshold(LABELS, coarse)
    others = {t: f1_score(LABELS, coarse >= t) for t in np.unique(coarse)}
    assert others[chosen] == max(others.values())


def test_calibrates_equal_and_certain_scores() -> None:
    labels = np.array([0.0, 0.0, 1.0, 0.0])
    calibration = c.calibrate(labels, np.full(4, 0.5))
    assert calibration.factor == pytest.approx(1 / 3, rel=1e-5)
    assert calibration.threshold == pytest.approx(0.25, rel=1e-5)
    assert c.calibrate(labels, labels).threshold == 1.0
