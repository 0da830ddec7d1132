"""Bootstrap of visitors: areas equal scikit-learn's, and intervals are reproducible."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks.interval_coverage import Shop, draw_holdout
from leapline.evaluation import bootstrap
from leapline.evaluation.bootstrap import (
    Ranking,
    bootstrap_areas,
    compare,
    logit_interval,
    lower_bound,
    normal_interval,
)
from leapline.evaluation.slices import delong

ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 3)), min_size=2, max_size=50)


@settings(deadline=None)
@given(ROWS)
def test_weighted_areas_equal_scikit_learn(rows: list[tuple[bool, int, int]]) -> None:
    labels, scores, weights = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    kept = weights > 0
    if len(set(labels[kept])) == 2:
        areas = Ranking(labels, scores).areas(weights[None])
        assert areas.roc_auc[0] == pytest.approx(roc_auc_score(labels, scores, sample_weight=weights), abs=1e-12)
        precision = average_precision_score(labels, scores, sample_weight=weights)
        assert areas.average_precision[0] == pytest.approx(precision, abs=1e-12)


@settings(deadline=None)
@given(ROWS, st.integers(1, 4))
def test_weights_of_clusters_are_those_of_their_rows(rows: list[tuple[bool, int, int]], clusters: int) -> None:
    labels, scores, cluster = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    cluster = np.unique(cluster % clusters, return_inverse=True)[1]
    if len(set(labels)) == 2:
        weights = np.random.default_rng(1).integers(0, 3, size=(9, cluster.max() + 1)).astype(float)
        of_clusters = Ranking(labels, scores, cluster).areas(weights)
        of_rows = Ranking(labels, scores).areas(weights[:, cluster])
        assert np.array_equal(of_clusters.roc_auc, of_rows.roc_auc, equal_nan=True)
        assert np.array_equal(of_clusters.average_precision, of_rows.average_precision, equal_nan=True)


def test_areas_are_those_of_cumulative_sums_over_rows_to_the_last_bit() -> None:
    """Earlier versions added up every row of every resample, in the order of the scores."""
    shop = draw_holdout(Shop(visitors=300), np.random.default_rng(2))
    labels, scores = shop.labels, np.round(shop.scores[0], 1)
    [areas] = bootstrap_areas(labels, [scores], shop.visitors, resamples=30, seed=9)
    names, visitor = np.unique(shop.visitors, return_inverse=True)
    rng = np.random.default_rng(9)
    for number in range(30):
        weights = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))[visitor].astype(float)
        above = np.array([weights[(scores > s) & (labels == 0)].sum() for s in scores])
        tied = np.array([weights[(scores == s) & (labels == 0)].sum() for s in scores])
        reached = np.array([weights[scores >= s].sum() for s in scores])
        true = np.array([weights[(scores >= s) & (labels == 1)].sum() for s in scores])
        order = [row for row in np.argsort(-scores, kind="stable") if labels[row] == 1]
        positives, negatives = weights[labels == 1].sum(), weights[labels == 0].sum()
        below = sum(weights[row] * (negatives - above[row] - tied[row] / 2) for row in order)
        assert areas.roc_auc[number] == below / (positives * negatives)
        precision = sum(weights[row] * true[row] / reached[row] if reached[row] else 0.0 for row in order)
        assert areas.average_precision[number] == pytest.approx(precision / positives, abs=1e-15)


def test_rows_of_one_visitor_are_resampled_together() -> None:
    """Four copies of each row under one visitor have the same spread as one."""
    shop = draw_holdout(Shop(visitors=400), np.random.default_rng(3))
    labels, scores, rows = shop.labels, shop.scores[0], np.arange(len(shop.labels))
    four = [np.tile(column, 4) for column in (labels, scores, rows)]
    once = bootstrap_areas(labels, [scores], rows, resamples=400, seed=1)[0]
    together = bootstrap_areas(four[0], [four[1]], four[2], resamples=400, seed=1)[0]
    apart = bootstrap_areas(four[0], [four[1]], np.arange(len(four[0])), resamples=400, seed=1)[0]
    assert together.roc_auc.std() == pytest.approx(once.roc_auc.std(), rel=1e-9)
    assert apart.roc_auc.std() < 0.65 * once.roc_auc.std()


def test_spread_equals_delong_for_one_session_per_visitor() -> None:
    shop = draw_holdout(Shop(visitors=1200, correlation=0.0), np.random.default_rng(4))
    areas = bootstrap_areas(shop.labels, [shop.scores[0]], np.arange(len(shop.labels)), resamples=2000, seed=1)[0]
    assert areas.roc_auc.std() == pytest.approx(delong(shop.labels, shop.scores[0])[1] ** 0.5, rel=0.06)


def test_resamples_depend_on_seed_and_not_on_batch_size(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = draw_holdout(Shop(visitors=100), np.random.default_rng(5))
    args = (shop.labels, list(shop.scores), shop.visitors)
    first = bootstrap_areas(*args, resamples=50, seed=9)[1]
    for least, cells in ((8, 1), (2, 1), (1, 700)):
        monkeypatch.setattr(bootstrap, "_LEAST_BATCH", least)
        monkeypatch.setattr(bootstrap, "CELLS_IN_MEMORY", cells)
        again = bootstrap_areas(*args, resamples=50, seed=9)[1]
        assert (again.roc_auc == first.roc_auc).all()
        assert (again.average_precision == first.average_precision).all(), "to the last bit"
    assert (bootstrap_areas(*args, resamples=50, seed=8)[1].roc_auc != first.roc_auc).any()


def test_paired_interval_is_narrower_than_single_interval() -> None:
    shop = draw_holdout(Shop(visitors=3000), np.random.default_rng(6))
    scores = shop.scores[0]
    noisier = scores + np.random.default_rng(7).normal(size=len(scores)) * 0.8
    comparison = compare(shop.labels, scores, noisier, shop.visitors, resamples=400, seed=1)
    assert comparison is not None
    assert comparison.interval is not None
    assert 0 < comparison.interval[0] < comparison.difference < comparison.interval[1]
    assert comparison.average_precision_difference > 0
    [areas] = bootstrap_areas(shop.labels, [scores], shop.visitors, resamples=400, seed=1)
    single = logit_interval(comparison.other + comparison.difference, areas.roc_auc)
    assert single is not None
    assert comparison.interval[1] - comparison.interval[0] < single[1] - single[0]


def test_equal_scores_have_no_difference() -> None:
    shop = draw_holdout(Shop(visitors=100), np.random.default_rng(8))
    comparison = compare(shop.labels, shop.scores[0], shop.scores[0], shop.visitors, resamples=100, seed=1)
    assert comparison is not None
    assert (comparison.difference, comparison.interval) == (0.0, (0.0, 0.0))


def test_no_comparison_with_one_class_or_missing_scores() -> None:
    ones, scores = np.ones(5), np.linspace(0, 1, 5)
    assert compare(ones, scores, scores, ones, resamples=100, seed=1) is None
    labels = np.array([0.0, 1.0, 0.0, 1.0, 1.0])
    missing = np.where(labels == 1, np.nan, scores)
    assert compare(labels, scores, missing, ones, resamples=100, seed=1) is None


def test_no_interval_from_too_few_values() -> None:
    assert normal_interval(0.1, np.array([np.nan, 0.1])) is None
    assert logit_interval(1.0, np.array([0.9, 0.95])) is None
    assert logit_interval(0.9, np.array([1.0, 1.0, np.nan])) is None


def test_no_interval_if_many_resamples_have_no_value() -> None:
    """The spread of the other resamples alone would be too small."""
    values = np.linspace(0.8, 0.9, 100)
    for share, absent in ((0.94, True), (0.96, False)):
        some = np.where(np.arange(100) < share * 100, values, np.nan)
        assert (normal_interval(0.85, some) is None) is absent
        assert (logit_interval(0.85, some) is None) is absent


def test_interval_is_wider_for_fewer_visitors_in_effect() -> None:
    values = np.random.default_rng(1).normal(0.85, 0.02, size=400)
    widths = [np.ptp(logit_interval(0.85, values, effective) or (0, 0)) for effective in (4, 20, 400, np.inf)]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 1.5 * widths[3] > 1.4 * widths[2]
    assert logit_interval(0.85, values, 1.9) is normal_interval(0.85, values, 1.9) is None


def test_lower_bound_belongs_to_the_interval() -> None:
    values = np.random.default_rng(1).normal(0.85, 0.02, size=400)
    interval = logit_interval(0.85, values, 30)
    assert interval is not None
    bounds = [lower_bound(0.85, interval, 30, confidence) for confidence in (0.5, 0.9, 0.975)]
    assert bounds == [pytest.approx(0.85), pytest.approx(bounds[1]), pytest.approx(interval[0])]
    assert interval[0] < (bounds[1] or 0) < 0.85
    assert lower_bound(1.0, (0.9, 1.0), 30, 0.9) is None


def test_resample_of_one_class_has_no_areas() -> None:
    areas = Ranking(np.array([0.0, 1.0]), np.array([0.1, 0.2])).areas(np.array([[2.0, 0.0], [1.0, 1.0]]))
    assert np.isnan(areas.roc_auc).tolist() == [True, False]
    assert np.isnan(areas.average_precision).tolist() == [True, False]
