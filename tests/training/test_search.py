"""The search for the forest's shape: bounded, on the given examples alone, and not swayed by noise."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from leapline.settings import Settings
from leapline.training import search as s

OWN = s.Trial(10, "onethird", 0.9)


def test_another_shape_must_be_better_for_certain() -> None:
    perhaps, better, best = (
        s.Trial(6, "sqrt", 0.95, -0.001), s.Trial(6, "onethird", 0.91, 0.002), s.Trial(14, "sqrt", 0.92, 0.001)
    )  # fmt: skip
    assert s.chosen([OWN, perhaps]) == {"forest_depth": 10, "forest_features": "onethird"}
    assert s.chosen([OWN, perhaps, better, best]) == {"forest_depth": 14, "forest_features": "sqrt"}


@pytest.mark.spark
def test_every_shape_is_tried_on_a_later_part_of_other_visitors(spark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wave that six splits cannot follow: depth is what it takes."""
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
    asked: list[int] = []

    def gain(labels: Any, scores: Any, own: Any, visitors: Any) -> float:
        asked.append(len(labels))
        assert len(labels) == len(scores) == len(own) == len(visitors)
        return float(roc_auc_score(labels, scores) - roc_auc_score(labels, own))

    trials = s.search(spark.createDataFrame(table), ["x"], [], settings, gain)
    assert asked == [1800], "three tenths of the sessions judge"
    assert [t.gain for t in trials] == [None, pytest.approx(trials[1].roc_auc - trials[0].roc_auc, abs=1e-5)]
    assert [(t.forest_depth, t.forest_features) for t in trials] == [(2, "all"), (8, "all")]
    assert trials[1].roc_auc > trials[0].roc_auc + 0.1
    assert s.chosen(trials)["forest_depth"] == 8
    assert s.Trial(**trials[0].as_dict()) == trials[0]
