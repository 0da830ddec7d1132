"""Ranking quality while sessions are in progress."""

import numpy as np

from leapline.evaluation.session_progress import measure


def test_groups_auc_by_events_seen() -> None:
    seen = np.array([1, 4, 4, 5, 9, 20, 500], dtype=float)
    labels = np.array([0, 1, 0, 1, 1, 0, 1], dtype=float)
    scores = np.array([0.1, 0.9, 0.2, 0.5, 0.6, 0.7, 0.3])
    assert measure(labels, scores, seen) == [
        {"events": "1 to 4", "examples": 3, "positives": 1, "roc_auc": 1.0},
        {"events": "5 to 9", "examples": 2, "positives": 2, "roc_auc": None},
        {"events": "10 to 19", "examples": 0, "positives": 0, "roc_auc": None},
        {"events": "20 and more", "examples": 2, "positives": 1, "roc_auc": 0.0},
    ]
