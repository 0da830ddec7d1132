"""Permutation importance measures the effect of features, in one pass, on a bounded sample."""

import numpy as np
import pandas as pd

from leapline.evaluation.bootstrap import Array
from leapline.evaluation.permutation import importance

RNG = np.random.default_rng(2)
TABLE = pd.DataFrame({"strong": RNG.normal(size=6000), "weak": RNG.normal(size=6000), "unused": RNG.normal(size=6000)})
LABELS = RNG.random(6000) < 1 / (1 + np.exp(3 - 2 * TABLE["strong"] - 0.5 * TABLE["weak"]))
TABLE["label"] = LABELS.astype(int)
FEATURES = ["unused", "weak", "strong"]


class Scorer:
    """A scorer that returns the true log-odds and records the requested rows."""

    def __init__(self) -> None:
        self.requests: list[pd.DataFrame] = []

    def __call__(self, rows: pd.DataFrame) -> Array:
        self.requests.append(rows)
        return (2 * rows["strong"] + 0.5 * rows["weak"]).to_numpy(float)


def test_losses_are_ordered_by_effect_on_model() -> None:
    scorer = Scorer()
    losses = importance(TABLE, FEATURES, scorer, seed=1, rows=1000)
    assert list(losses) == ["strong", "weak", "unused"]
    assert losses["strong"] > 0.2 > 0.05 > losses["weak"] > 0 == losses["unused"]
    [rows] = scorer.requests
    assert (len(rows), list(rows.columns)) == (4000, FEATURES)
    assert importance(TABLE, FEATURES, Scorer(), seed=1, rows=1000) == losses


def test_sample_uses_all_positives_if_there_are_few() -> None:
    few = pd.concat([TABLE[TABLE.label == 0], TABLE[TABLE.label == 1].head(20)], ignore_index=True)
    scorer = Scorer()
    importance(few, FEATURES, scorer, seed=1, rows=500)
    sample = scorer.requests[0].head(500)
    assert len(sample.merge(few[few.label == 1], on=FEATURES)) == 20
    importance(TABLE.head(40), FEATURES, scorer, seed=1, rows=500)
    assert len(scorer.requests[1]) == 4 * 40


def test_no_importance_with_one_class() -> None:
    scorer = Scorer()
    assert importance(TABLE[TABLE.label == 0], FEATURES, scorer, seed=1) == {}
    assert importance(TABLE.head(0), FEATURES, scorer, seed=1) == {}
    assert scorer.requests == []
