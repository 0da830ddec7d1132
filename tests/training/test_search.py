"""The hyperparameter search selects other hyperparameters only for a certain gain."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from leapline.settings import Settings
from leapline.training import search as s

CONFIGURED = s.Trial(10, "onethird", 0.9)


def test_selects_best_trial_with_significant_gain() -> None:
    perhaps, better, best = (
        s.Trial(6, "sqrt", 0.95, -0.001), s.Trial(6, "onethird", 0.91, 0.002), s.Trial(14, "sqrt", 0.92, 0.001)
    )  # fmt: skip
    assert s.select_best([CONFIGURED, perhaps]) == {"forest_depth": 10, "forest_features": "onethird"}
    assert s.select_best([CONFIGURED, perhaps, better, best]) == {"forest_depth": 14, "forest_features": "sqrt"}


@pytest.mark.spark
def test_evaluates_grid_on_later_sessions_of_other_visitors(spark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The label is a square wave that needs deep trees."""
    rng = np.random.default_rng(3)
    x = rng.uniform(0, 16, size=6000)
    table = pd.DataFrame(
        {
            "session": [f"s{i:05d}" for i in range(6000)],
            "visitor": [f"v{i // 2:05d}" for i in range(6000)],
            "start_ts": pd.Timestamp("2026-03-01", tz="UTC") + pd.to_timedelta(np.arange(6000), unit="s"),
            "label": (rng.random(6000) < 0.02 + 0.5 * (np.floor(x) % 2)).astype("int32"),
            "x": x,
        }
    )
    monkeypatch.setattr(s, "DEPTHS", (2, 8))
    monkeypatch.setattr(s, "FEATURES", ("all",))
    settings = Settings(forest_trees=4, forest_depth=2, forest_features="all", fit_partitions=2)
    sizes: list[int] = []

    def gain(labels: Any, scores: Any, configured: Any, visitors: Any) -> float:
        sizes.append(len(labels))
        assert len(labels) == len(scores) == len(configured) == len(visitors)
        return float(roc_auc_score(labels, scores) - roc_auc_score(labels, configured))

    trials = s.search(spark.createDataFrame(table), ["x"], [], settings, gain)
    assert sizes == [1800], "30 % of the sessions are the evaluation part"
    assert [t.gain for t in trials] == [None, pytest.approx(trials[1].roc_auc - trials[0].roc_auc, abs=1e-5)]
    assert [(t.forest_depth, t.forest_features) for t in trials] == [(2, "all"), (8, "all")]
    assert trials[1].roc_auc > trials[0].roc_auc + 0.1
    assert s.select_best(trials)["forest_depth"] == 8
    assert s.Trial(**trials[0].as_dict()) == trials[0]
