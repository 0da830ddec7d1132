"""The ground truth: calibrated, with a known best ROC AUC that good models approach and weak models do not."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score

from leapline.errors import InputError
from leapline.synthetic import TRUTH_FOLDER, GeneratorSpec, Truth, best_roc_auc, generate, read_truth
from leapline.synthetic.behaviour import ADD, CATEGORY, ITEM, REMOVE, SEARCH, Clicks, go_shopping
from leapline.synthetic.catalogue import make_catalogue
from leapline.synthetic.outcome import draw_outcomes
from leapline.synthetic.purchase_probability import purchase_probability
from leapline.synthetic.truth import add_truth
from leapline.synthetic.visitors import Visits, visits_of

Floats = npt.NDArray[np.float64]
SPEC = GeneratorSpec()


@dataclass(frozen=True)
class Sample:
    """Sessions of some default days, without their text."""

    features: Floats
    chance: Floats
    bought: npt.NDArray[np.bool_]


def simulated(days: int) -> Iterator[Sample]:
    for day in (SPEC.start + timedelta(days=d) for d in range(days)):
        visits, rng, shop = visits_of(SPEC, day, 0), SPEC.rng("test", day.toordinal()), make_catalogue(SPEC)
        shopping = go_shopping(rng, shop, visits)
        chance = purchase_probability(SPEC, visits, shopping.clicks)
        bought, _, _ = draw_outcomes(rng, SPEC, chance, shopping)
        yield Sample(features_of(visits, shopping.clicks, shop.price_cents), chance, bought)


def features_of(visits: Visits, clicks: Clicks, price_cents: npt.NDArray[np.int64]) -> Floats:
    """What any session model would have: hour, clicks, then counts, unique items, times, money, the visitor."""
    n, session = len(visits), clicks.session
    count = {
        step: np.bincount(session[clicks.step == step], minlength=n) for step in (ADD, REMOVE, ITEM, SEARCH, CATEGORY)
    }
    looks = clicks.step == ITEM
    pairs, times = np.unique(session[looks] * (1 << 32) + clicks.item[looks], return_counts=True)
    most = np.zeros(n)
    np.maximum.at(most, pairs >> 32, times)
    last = np.append(session[1:] != session[:-1], True)
    seconds = np.where(last, 0, clicks.dwell_ms) / 1000
    price = price_cents[np.maximum(clicks.item, 0)]
    added = clicks.step == ADD
    columns = [
        (visits.start_ms // 3_600_000) % 24,
        np.bincount(session, minlength=n) - count[ADD] - count[REMOVE],
        *count.values(),
        np.bincount(pairs >> 32, minlength=n),
        most,
        np.bincount(session, seconds, minlength=n),
        np.bincount(session[looks], seconds[looks], minlength=n),
        np.bincount(session[added], (price * clicks.quantity)[added], minlength=n),
        np.bincount(session[looks], price[looks], minlength=n) / np.maximum(count[ITEM], 1),
        visits.session_index,
        visits.device,
    ]
    return np.column_stack(columns).astype(float)


@pytest.fixture(scope="module")
def sample() -> Sample:
    days = list(simulated(10))
    return Sample(*(np.concatenate([getattr(day, name) for day in days]) for name in ("features", "chance", "bought")))


def expected_roc_auc(chance: Floats, score: Floats) -> float:
    """The ROC AUC in the mean over all tosses of the coins; less noisy than one toss."""
    label = np.repeat([1, 0], len(chance))
    return float(roc_auc_score(label, np.tile(score, 2), sample_weight=np.concatenate([chance, 1 - chance])))


def test_purchases_match_the_probabilities(sample: Sample) -> None:
    order = np.argsort(sample.chance)
    for part in np.array_split(order, 5):
        spread = np.sqrt((sample.chance[part] * (1 - sample.chance[part])).sum())
        assert abs(sample.bought[part].sum() - sample.chance[part].sum()) < 4 * spread + 1
    assert sample.chance.mean() == pytest.approx(SPEC.buyers, abs=0.004)


@pytest.mark.parametrize("buyers", [0.01, 0.15])
def test_requested_share_of_sessions_buys(buyers: float) -> None:
    spec = GeneratorSpec(buyers=buyers, seed=5)
    visits = visits_of(spec, spec.start, 0)
    shopping = go_shopping(spec.rng("test"), make_catalogue(spec), visits)
    assert purchase_probability(spec, visits, shopping.clicks).mean() == pytest.approx(buyers, rel=0.12)


def test_best_possible_roc_auc_of_the_default_shop(sample: Sample) -> None:
    assert 0.925 < expected_roc_auc(sample.chance, sample.chance) < 0.945


def test_no_purchase_without_a_view_and_no_single_feature_decides(sample: Sample) -> None:
    looked, added = sample.features[:, 4], sample.features[:, 2]
    assert (sample.chance[looked == 0] == 0).all()
    assert sample.chance[added > 0].mean() < 0.5
    assert sample.chance[added == 0].sum() > 0.08 * sample.chance.sum()
    for column in sample.features.T:
        one = expected_roc_auc(sample.chance, column)
        assert max(one, 1 - one) < 0.9


def test_forest_comes_close_to_the_best_and_a_weak_model_fails_the_gate(sample: Sample) -> None:
    train = np.arange(len(sample.chance)) < 40_000
    best = expected_roc_auc(sample.chance[~train], sample.chance[~train])
    reached = {}
    for name, columns in {"forest": slice(None), "weak": slice(0, 2)}.items():
        forest = RandomForestClassifier(40, max_depth=10, min_samples_leaf=4, random_state=1)
        forest.fit(sample.features[train, columns], sample.bought[train])
        reached[name] = expected_roc_auc(
            sample.chance[~train], forest.predict_proba(sample.features[~train, columns])[:, 1]
        )
    assert reached["forest"] > best - 0.02
    assert reached["forest"] > 0.915
    assert reached["weak"] < 0.86


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=40))
def test_roc_auc_equals_scikit_learn(rows: list[tuple[int, bool]], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder, day = tmp_path_factory.mktemp("truth"), date(2026, 1, 1)
    chance, bought = np.array([r[0] / 7 for r in rows]), np.array([r[1] for r in rows])
    add_truth(folder, day, Truth([f"s{i}" for i in range(len(rows))], chance, bought), first=True)
    area = best_roc_auc(folder / TRUTH_FOLDER, [day])
    if bought.all() or not bought.any():
        assert np.isnan(area)
    else:
        assert area == pytest.approx(roc_auc_score(bought, chance), abs=1e-12)


def test_best_roc_auc_of_selected_sessions_with_pseudonyms(tmp_path: Path) -> None:
    spec = GeneratorSpec(days=2, sessions_per_day=1500)
    generate(tmp_path, spec)
    folder, days = tmp_path / TRUTH_FOLDER, [spec.start, spec.start + timedelta(days=1)]
    truth = read_truth(folder, days)
    half = np.arange(len(truth.sessions)) % 2 == 0
    selected = [f"x-{s}" for s, chosen in zip(truth.sessions, half, strict=True) if chosen]
    area = best_roc_auc(folder, days, sessions=selected, pseudonym=lambda s: f"x-{s}")
    assert area == pytest.approx(roc_auc_score(truth.bought[half], truth.chance[half]))
    assert best_roc_auc(folder, days, sessions=truth.sessions) == best_roc_auc(folder, days)


def test_error_names_the_day_without_ground_truth(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="truth of 2026-01-05"):
        best_roc_auc(tmp_path, [date(2026, 1, 5)])
