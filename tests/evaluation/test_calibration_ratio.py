"""Calibration in the large: the ratio of mean forecast and prevalence, with an interval."""

import json
import math

import numpy as np
import pytest

from leapline.evaluation.bootstrap import Array
from leapline.evaluation.calibration_ratio import CalibrationRatio, measure


def shop(visitors: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Return labels, their true probabilities and visitors of one to four sessions, whose intents are correlated."""
    who = np.repeat(np.arange(visitors), rng.integers(1, 5, size=visitors))
    intent = rng.normal(size=visitors)[who] + rng.normal(size=len(who))
    chance = 1 / (1 + np.exp(3.6 - 1.2 * intent))
    return (rng.random(len(who)) < chance).astype(float), chance, who


def test_ratio_of_a_few_rows() -> None:
    measured = measure(np.array([0, 1.0, 0, 0]), np.array([0.1, 0.7, 0.1, 0.1]), np.arange(4), resamples=100, seed=1)
    assert (measured.forecast, measured.prevalence, measured.ratio) == pytest.approx((0.25, 0.25, 1.0))
    assert CalibrationRatio.from_dict(json.loads(json.dumps(measured.as_dict()))) == measured


@pytest.mark.parametrize("visitors", [300, 1000])
def test_interval_contains_the_truth_as_often_as_it_claims(visitors: int) -> None:
    rng = np.random.default_rng(1)
    inside = 0
    for number in range(300):
        interval = measure(*shop(visitors, rng), resamples=150, seed=number).interval
        inside += interval is not None and interval[0] <= 1 <= interval[1]
    assert 0.92 <= inside / 300 <= 0.98


def test_rows_of_one_visitor_are_resampled_together() -> None:
    labels, chance, who = shop(600, np.random.default_rng(2))
    once = measure(labels, chance, who, resamples=300, seed=1)
    copies = [np.tile(column, 3) for column in (labels, chance, who)]
    assert measure(*copies, resamples=300, seed=1).interval == pytest.approx(once.interval, abs=1e-5)
    apart = measure(*copies[:2], np.arange(len(copies[0])), resamples=300, seed=1)
    assert apart.interval is not None and once.interval is not None
    assert apart.interval[1] - apart.interval[0] < 0.8 * (once.interval[1] - once.interval[0])


@pytest.mark.parametrize(
    ("labels", "forecasts"), [([], []), ([0, 0], [0.1, 0.1]), ([0, 1], [0.1, math.nan]), ([0, 1], [0, 0])]
)
def test_no_interval_where_there_is_no_ratio(labels: list[float], forecasts: list[float]) -> None:
    columns = np.array(labels, dtype=float), np.array(forecasts, dtype=float)
    assert measure(*columns, np.arange(len(labels)), resamples=100, seed=1).interval is None
