"""Draws of visitors: areas as scikit-learn has them, and intervals that hold what they promise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from leapline.evaluation.bootstrap import Ranking, compare, draw_areas, logit_interval, plain_interval
from leapline.evaluation.coverage import Shop, holdout, simulate
from leapline.evaluation.slices import delong

ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 3)), min_size=2, max_size=50)


@given(ROWS)
def test_weighted_areas_equal_scikit_learns(rows: list[tuple[bool, int, int]]) -> None:
    labels, scores, weights = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    kept = weights > 0
    if len(set(labels[kept])) == 2:
        areas = Ranking(labels, scores).areas(weights[None])
        assert areas.roc_auc[0] == pytest.approx(roc_auc_score(labels, scores, sample_weight=weights), abs=1e-12)
        precision = average_precision_score(labels, scores, sample_weight=weights)
        assert areas.average_precision[0] == pytest.approx(precision, abs=1e-12)


def test_rows_of_one_visitor_are_drawn_together() -> None:
    """Each row four times under one visitor is no more knowledge than each row once."""
    shop = holdout(Shop(visitors=400), np.random.default_rng(3))
    labels, scores, rows = shop.labels, shop.scores[0], np.arange(len(shop.labels))
    four = [np.tile(column, 4) for column in (labels, scores, rows)]
    once = draw_areas(labels, [scores], rows, draws=400, seed=1)[0]
    together = draw_areas(four[0], [four[1]], four[2], draws=400, seed=1)[0]
    apart = draw_areas(four[0], [four[1]], np.arange(len(four[0])), draws=400, seed=1)[0]
    assert together.roc_auc.std() == pytest.approx(once.roc_auc.std(), rel=1e-9)
    assert apart.roc_auc.std() < 0.65 * once.roc_auc.std()


def test_the_spread_is_delongs_where_each_visitor_comes_once() -> None:
    shop = holdout(Shop(visitors=1200, alike=0.0), np.random.default_rng(4))
    drawn = draw_areas(shop.labels, [shop.scores[0]], np.arange(len(shop.labels)), draws=2000, seed=1)[0]
    assert drawn.roc_auc.std() == pytest.approx(delong(shop.labels, shop.scores[0])[1] ** 0.5, rel=0.06)


def test_the_same_seed_gives_the_same_draws_however_many_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = holdout(Shop(visitors=100), np.random.default_rng(5))
    args = (shop.labels, list(shop.scores), shop.visitors)
    first = draw_areas(*args, draws=50, seed=9)[1].roc_auc
    monkeypatch.setattr("leapline.evaluation.bootstrap._CELLS", 7 * len(shop.labels))
    assert (draw_areas(*args, draws=50, seed=9)[1].roc_auc == first).all()
    assert (draw_areas(*args, draws=50, seed=8)[1].roc_auc != first).any()


@pytest.mark.parametrize("shop", [Shop(), Shop(visitors=400)], ids=["900 visitors", "400 visitors"])
def test_95_percent_intervals_contain_the_truth_95_times_in_100(shop: Shop) -> None:
    found = simulate(shop, 500)
    assert 0.92 <= found.roc_auc <= 0.98
    assert 0.91 <= found.average_precision <= 0.98
    assert 0.92 <= found.difference <= 0.98


def test_a_comparison_sees_what_two_intervals_would_not() -> None:
    shop = holdout(Shop(visitors=3000), np.random.default_rng(6))
    scores = shop.scores[0]
    noisier = scores + np.random.default_rng(7).normal(size=len(scores)) * 0.8
    found = compare(shop.labels, scores, noisier, shop.visitors, draws=400, seed=1)
    assert found is not None
    assert found.interval is not None
    assert 0 < found.interval[0] < found.difference < found.interval[1]
    assert found.average_precision_difference > 0
    [drawn] = draw_areas(shop.labels, [scores], shop.visitors, draws=400, seed=1)
    own = logit_interval(found.other + found.difference, drawn.roc_auc)
    assert own is not None
    assert found.interval[1] - found.interval[0] < own[1] - own[0]


def test_equal_scores_differ_by_nothing() -> None:
    shop = holdout(Shop(visitors=100), np.random.default_rng(8))
    found = compare(shop.labels, shop.scores[0], shop.scores[0], shop.visitors, draws=100, seed=1)
    assert found is not None
    assert (found.difference, found.interval) == (0.0, (0.0, 0.0))


def test_what_cannot_be_compared() -> None:
    ones, scores = np.ones(5), np.linspace(0, 1, 5)
    assert compare(ones, scores, scores, ones, draws=100, seed=1) is None
    labels = np.array([0.0, 1.0, 0.0, 1.0, 1.0])
    missing = np.where(labels == 1, np.nan, scores)
    assert compare(labels, scores, missing, ones, draws=100, seed=1) is None


def test_intervals_without_draws() -> None:
    assert plain_interval(0.1, np.array([np.nan, 0.1])) is None
    assert logit_interval(1.0, np.array([0.9, 0.95])) is None
    assert logit_interval(0.9, np.array([1.0, 1.0, np.nan])) is None


def test_a_draw_of_one_class_has_no_areas() -> None:
    areas = Ranking(np.array([0.0, 1.0]), np.array([0.1, 0.2])).areas(np.array([[2.0, 0.0], [1.0, 1.0]]))
    assert np.isnan(areas.roc_auc).tolist() == [True, False]
    assert np.isnan(areas.average_precision).tolist() == [True, False]
