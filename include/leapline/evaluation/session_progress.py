"""How good a model is while visits go on: the website asks long before a visit's end."""

from typing import Any

import numpy as np

from leapline.evaluation.bootstrap import Array

# Events seen so far: from, and the name of the group.
GROUPS = ((1, "1 to 4"), (5, "5 to 9"), (10, "10 to 19"), (20, "20 and more"))


def measure(labels: Array, scores: Array, seen: Array) -> list[dict[str, Any]]:
    """The ROC AUC among examples with about as many events, fewest first.

    Args:
        labels: 0 or 1, shape (n,).
        scores: the model's, shape (n,).
        seen: how many events each example had seen, shape (n,).

    Returns:
        Rows of `events`, `examples`, `positives`, `roc_auc` (None without both classes).
    """
    group = np.searchsorted([first for first, _ in GROUPS], seen, side="right") - 1
    return [_row(name, labels[group == number], scores[group == number]) for number, (_, name) in enumerate(GROUPS)]


def _row(name: str, labels: Array, scores: Array) -> dict[str, Any]:
    from sklearn.metrics import roc_auc_score

    positives = int(labels.sum())
    auc = float(roc_auc_score(labels, scores)) if 0 < positives < len(labels) else None
    return {"events": name, "examples": len(labels), "positives": positives, "roc_auc": auc}
