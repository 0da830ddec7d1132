"""A holdout in which one visitor owns the purchases: its effective size, its intervals, and its verdict."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leapline.evaluation.bootstrap import compare
from leapline.evaluation.effective_size import effective_size, kish
from leapline.evaluation.metrics import Bootstrap, Metrics, measure
from leapline.evaluation.verdict import Evidence, Limits, decide


def holdout(owned: int, buyers: int = 40, others: int = 900) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Return labels, scores and visitors of a holdout in which the first visitor has `owned` purchases."""
    rng = np.random.default_rng(5)
    labels = np.repeat([1.0, 0.0], [owned + buyers, others])
    visitors = np.concatenate([np.zeros(owned), 1 + np.arange(buyers + others)])
    scores = 1 / (1 + np.exp(3.0 - 3.2 * labels - rng.normal(size=len(labels))))
    return labels, scores, visitors


def measured(owned: int, buyers: int = 40) -> Metrics:
    labels, scores, visitors = holdout(owned, buyers)
    return measure(labels, scores, None, Bootstrap(visitors, 400, 1))


def failed(metrics: Metrics, limits: Limits | None = None) -> dict[str, str]:
    limits = limits or Limits(calibration_error=1, precision_lift=1, max_roc_auc=1)
    return {rule.name: rule.why for rule in decide(Evidence(metrics, ["a day"]), limits).rules if not rule.passed}


@given(st.lists(st.integers(1, 50), min_size=1, max_size=30))
def test_effective_size_is_between_one_and_the_number_of_visitors(counts: list[int]) -> None:
    size = kish(np.array(counts, dtype=float))
    assert 1 <= size <= len(counts)
    assert (size == len(counts)) == (len(set(counts)) == 1)


def test_purchases_of_one_visitor_count_less_the_more_they_are() -> None:
    labels, _, visitors = holdout(0)
    assert effective_size(labels, visitors).positives == 40
    labels, _, visitors = holdout(30)
    size = effective_size(labels, visitors)
    assert size.visitors == 941
    assert size.positives == size.smaller == pytest.approx(70**2 / (30**2 + 40), abs=0.01)
    assert size.negatives == 900
    assert effective_size(np.zeros(3), np.arange(3)).positives == 0


def test_measured_with_the_visitors_of_the_bootstrap() -> None:
    metrics = measured(30)
    assert (metrics.visitors, metrics.effective_negatives) == (941, 900.0)
    assert metrics.effective_positives == pytest.approx(5.212766)
    assert measure(*holdout(30)[:2]).effective_positives == 70, "without visitors, each row is one"


def test_holdout_of_one_visitor_is_refused_whatever_its_roc_auc() -> None:
    assert failed(measured(0)) == {}
    assert set(failed(measured(30))) == {"effective_positives"}
    assert "effective number of buyers" in failed(measured(30))["effective_positives"]


def test_no_interval_if_one_visitor_owns_nearly_all_purchases() -> None:
    metrics = measured(60, buyers=2)
    assert metrics.roc_auc is not None
    assert metrics.roc_auc_interval is metrics.average_precision_interval is None
    reason = "the purchases are in effect those of 1.1 visitors, too few to resample"
    assert metrics.missing == {"roc_auc_interval": reason, "average_precision_interval": reason}
    assert reason in failed(metrics)["roc_auc"]
    labels, scores, visitors = holdout(60, buyers=2)
    comparison = compare(labels, scores, scores + 0.01 * labels, visitors, resamples=100, seed=1)
    assert comparison is not None
    assert comparison.interval is None


def test_repeated_measurement_has_the_same_bound_and_another_seed_nearly_the_same() -> None:
    """A day that is judged again is no second chance: nothing is drawn anew."""
    labels, scores, visitors = holdout(0)
    lows = []
    for seed in (1, 1, 2, 3):
        interval = measure(labels, scores, None, Bootstrap(visitors, 1000, seed)).roc_auc_interval
        assert interval is not None
        lows.append(interval[0])
    assert lows[0] == lows[1]
    assert np.ptp(lows) < 0.003
