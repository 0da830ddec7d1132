"""How often the first-ranked item is bought, compared with choices that need no model."""

import json

import numpy as np
import pandas as pd
import pytest

from leapline.evaluation.item_choices import ItemChoices, measure


def pairs(sessions: int, items: int = 4, skill: float = 3.0, seed: int = 1) -> pd.DataFrame:
    """Return buying sessions with several items, one of which is bought: the one viewed last in half of them."""
    rng = np.random.default_rng(seed)
    bought = rng.integers(items, size=sessions)
    last = np.where(rng.random(sessions) < 0.5, bought, rng.integers(items, size=sessions))
    session, item = np.repeat(np.arange(sessions), items), np.tile(np.arange(items), sessions)
    label = (bought[session] == item).astype(int)
    since = np.where(last[session] == item, 0.0, rng.integers(1, 90, size=len(session)))
    score = rng.normal(size=len(session)) + skill * label
    return pd.DataFrame(
        {"session": session, "visitor": session // 2, "item": item, "label": label, "score": score, "since": since}
    )


def test_shares_are_those_counted_by_hand() -> None:
    rows = [
        # Bought item ranked first, viewed second to last.
        ("a", "x", 1, 0.9, 5.0), ("a", "y", 0, 0.1, 0.0),
        # Two items tied for the first place, one of them bought; the third was never viewed.
        ("b", "x", 1, 0.5, 0.0), ("b", "y", 0, 0.5, 3.0), ("b", "z", 0, 0.1, -1.0),
        # One item: any ranking is right. And a session that buys nothing.
        ("c", "x", 1, 0.2, 0.0), ("d", "x", 0, 0.9, 0.0), ("d", "y", 0, 0.8, 1.0),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["session", "item", "label", "score", "since"])
    measured = measure(table.assign(visitor=table["session"]), "score", "since", resamples=100, seed=1)
    shares = (measured.sessions, measured.first, measured.random, measured.recent)
    assert shares == pytest.approx((2, 0.75, (1 / 2 + 1 / 3) / 2, 0.5))


def test_intervals_separate_skill_from_chance() -> None:
    skilled, guess = (measure(pairs(80, skill=s), "score", "since", resamples=300, seed=1) for s in (3.0, 0.0))
    assert skilled.random_interval is not None and guess.random_interval is not None
    assert skilled.random == pytest.approx(0.25) and skilled.random_interval[0] > 0.3
    assert guess.random_interval[0] < 0 < guess.random_interval[1]
    assert guess.recent_interval is not None and guess.recent_interval[1] < -0.1
    assert ItemChoices.from_dict(json.loads(json.dumps(skilled.as_dict()))) == skilled


def test_item_model_with_equal_scores_is_as_good_as_chance() -> None:
    measured = measure(pairs(50).assign(score=0.1), "score", None, resamples=100, seed=1)
    assert measured.first == measured.random == pytest.approx(0.25)
    assert (measured.recent, measured.recent_interval) == (None, None)


def test_no_choices_and_broken_scores_have_no_shares() -> None:
    single = pairs(20, items=1)
    assert measure(single, "score", "since", resamples=100, seed=1) == ItemChoices(0)
    broken = pairs(20).assign(score=np.nan)
    assert measure(broken, "score", "since", resamples=100, seed=1) == ItemChoices(20)
