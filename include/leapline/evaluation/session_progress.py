"""Ranking quality while sessions are in progress: the scorer is called long before a session ends."""

from typing import Any

import numpy as np

from leapline.evaluation.bootstrap import Array

GROUPS = ((1, "1 to 4"), (5, "5 to 9"), (10, "10 to 19"), (20, "20 and more"))
"""Groups by number of events so far: the smallest number, and the group's name."""


def measure(labels: Array, scores: Array, events: Array) -> list[dict[str, Any]]:
    """Compute the ROC AUC among examples with a similar number of events, fewest first.

    Args:
        labels: 0 or 1, shape (n,).
        scores: the model's scores, shape (n,).
        events: number of events in each example, shape (n,).

    Returns:
        Rows of `events`, `examples`, `positives`, `roc_auc` (None without both classes).
    """
    group = np.searchsorted([first for first, _ in GROUPS], events, side="right") - 1
    return [_row(name, labels[group == number], scores[group == number]) for number, (_, name) in enumerate(GROUPS)]


def _row(name: str, labels: Array, scores: Array) -> dict[str, Any]:
    from sklearn.metrics import roc_auc_score

    positives = int(labels.sum())
    auc = float(roc_auc_score(labels, scores)) if 0 < positives < len(labels) else None
    return {"events": name, "examples": len(labels), "positives": positives, "roc_auc": auc}
