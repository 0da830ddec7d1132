"""Permutation importance: the loss of ROC AUC on the holdout when one feature is shuffled between sessions.

Unlike the forest's own importance it is measured on the holdout, so a feature that only serves overfitting shows none.
All shuffled copies are built first and scored together: one pass for any number of features (Breiman 2001, section 10).
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from leapline.evaluation.bootstrap import Array, Ranking

if TYPE_CHECKING:
    import pandas as pd

ROWS = 2000
"""Maximum number of holdout sessions to use; half of them buy, if there are enough."""


def importance(
    holdout: "pd.DataFrame",
    features: Sequence[str],
    score: "Callable[[pd.DataFrame], Array]",
    *,
    seed: int,
    rows: int = ROWS,
) -> dict[str, float]:
    """Return feature -> loss of ROC AUC, largest first; empty if only one class is present.

    Args:
        holdout: `label` and the features, one row per session.
        features: columns to shuffle, one at a time.
        score: returns the scores of a table's rows, in their order; called once.
        seed: of the sample and of the shuffling.
        rows: maximum number of sessions to use.
    """
    import pandas as pd

    rng = np.random.default_rng(seed)
    sample = _sample(holdout, rows, rng)
    labels = sample["label"].to_numpy(float)
    if len(np.unique(labels)) < 2:
        return {}
    copies = [sample, *(sample.assign(**{f: rng.permutation(sample[f].to_numpy())}) for f in features)]
    scores = score(pd.concat(copies, ignore_index=True)[list(features)]).reshape(len(copies), len(sample))
    original, *shuffled = (_roc_auc(labels, row) for row in scores)
    losses = {name: original - area for name, area in zip(features, shuffled, strict=True)}
    return dict(sorted(losses.items(), key=lambda item: (-item[1], item[0])))


def _sample(holdout: "pd.DataFrame", rows: int, rng: np.random.Generator) -> "pd.DataFrame":
    """Return rows of both classes, balanced as far as possible, in their order."""
    labels = holdout["label"].to_numpy(int)
    indices = []
    for label, other in ((1, 0), (0, 1)):
        room = max(rows // 2, rows - int((labels == other).sum()))
        rows_of_label = np.flatnonzero(labels == label)
        indices.append(rng.choice(rows_of_label, min(room, len(rows_of_label)), replace=False))
    return holdout.iloc[np.sort(np.concatenate(indices))]


def _roc_auc(labels: Array, scores: Array) -> float:
    return float(Ranking(labels, scores).areas(np.ones((1, len(labels)))).roc_auc[0])
