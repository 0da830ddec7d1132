"""Permutation importance: how much worse the model ranks when one feature's values change places between sessions.

Unlike the forest's own importance it is measured on the holdout, so a feature that only served to learn by heart shows.
All shuffled copies are made first and scored together: one pass for any number of features (Breiman 2001, section 10).
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from leapline.evaluation.bootstrap import Array, Ranking

if TYPE_CHECKING:
    import pandas as pd

ROWS = 2000
"""Of the holdout, at most; half of them buyers, if there are as many."""


def importance(
    holdout: "pd.DataFrame",
    features: Sequence[str],
    score: "Callable[[pd.DataFrame], Array]",
    *,
    seed: int,
    rows: int = ROWS,
) -> dict[str, float]:
    """Feature -> loss of ROC AUC, largest first; empty where only one class is there.

    Args:
        holdout: `label` and the features.
        features: columns to shuffle, one at a time.
        score: scores of a table's rows, in their order; called once.
        seed: of the sample and of the shuffling.
        rows: how many sessions to use at most.
    """
    import pandas as pd

    rng = np.random.default_rng(seed)
    sample = _sample(holdout, rows, rng)
    labels = sample["label"].to_numpy(float)
    if len(np.unique(labels)) < 2:
        return {}
    copies = [sample, *(sample.assign(**{f: rng.permutation(sample[f].to_numpy())}) for f in features)]
    scores = score(pd.concat(copies, ignore_index=True)[list(features)]).reshape(len(copies), len(sample))
    whole, *shuffled = (_area(labels, row) for row in scores)
    losses = {name: whole - area for name, area in zip(features, shuffled, strict=True)}
    return dict(sorted(losses.items(), key=lambda item: (-item[1], item[0])))


def _sample(holdout: "pd.DataFrame", rows: int, rng: np.random.Generator) -> "pd.DataFrame":
    """Rows of both classes, as evenly as there are; in their order."""
    labels = holdout["label"].to_numpy(int)
    kept = []
    for label, other in ((1, 0), (0, 1)):
        room = max(rows // 2, rows - int((labels == other).sum()))
        found = np.flatnonzero(labels == label)
        kept.append(rng.choice(found, min(room, len(found)), replace=False))
    return holdout.iloc[np.sort(np.concatenate(kept))]


def _area(labels: Array, scores: Array) -> float:
    return float(Ranking(labels, scores).areas(np.ones((1, len(labels)))).roc_auc[0])
