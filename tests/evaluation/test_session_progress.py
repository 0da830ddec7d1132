"""Ranking quality while sessions are in progress."""

import json

import numpy as np
import pytest

from leapline.evaluation.bootstrap import compare
from leapline.evaluation.session_progress import Progress, measure


def test_groups_auc_by_events_seen() -> None:
    seen = np.array([1, 4, 4, 5, 9, 20, 500], dtype=float)
    labels = np.array([0, 1, 0, 1, 1, 0, 1], dtype=float)
    scores = np.array([0.1, 0.9, 0.2, 0.5, 0.6, 0.7, 0.3])
    baseline = np.array([0.1, 0.15, 0.2, 0.5, 0.6, 0.3, 0.7])
    groups = measure(labels, scores, baseline, seen, np.arange(7), resamples=100, seed=1)
    assert [(g.events, g.examples, g.positives, g.roc_auc, g.baseline_roc_auc, g.difference) for g in groups] == [
        ("1 to 4", 3, 1, 1.0, 0.5, 0.5),
        ("5 to 9", 2, 2, None, None, None),
        ("10 to 19", 0, 0, None, None, None),
        ("20 and more", 2, 1, 0.0, 1.0, -1.0),
    ]
    assert groups[0].interval is None, "a ROC AUC of 1 has no interval on the logit scale"
    assert groups[1].difference_interval is None


def test_intervals_are_of_the_group_and_resample_visitors() -> None:
    rng = np.random.default_rng(1)
    labels = (rng.random(900) < 0.2).astype(float)
    scores, baseline = rng.normal(size=900) + labels, rng.normal(size=900) + 0.5 * labels
    seen, visitors = np.where(np.arange(900) < 600, 2.0, 30.0), np.arange(900) // 2
    early, _, _, late = measure(labels, scores, baseline, seen, visitors, resamples=200, seed=1)
    expected = compare(labels[:600], scores[:600], baseline[:600], visitors[:600], resamples=200, seed=1)
    assert expected is not None and expected.interval is not None
    assert early.difference == pytest.approx(expected.difference)
    assert early.difference_interval == pytest.approx(expected.interval, abs=1e-6)
    assert early.interval is not None and late.interval is not None and early.roc_auc is not None
    assert early.interval[0] < early.roc_auc < early.interval[1]
    assert early.interval[1] - early.interval[0] < late.interval[1] - late.interval[0], "fewer examples, wider interval"
    # Twice the same rows of the same visitors are no further evidence.
    twice = [np.tile(column[:600], 2) for column in (labels, scores, baseline, seen, visitors)]
    copied = measure(*twice, resamples=200, seed=1)[0]
    assert copied.interval == pytest.approx(early.interval, abs=1e-3)


def test_group_with_a_broken_score_has_no_numbers() -> None:
    labels, scores = np.array([0.0, 1.0, 0.0]), np.array([0.1, np.nan, 0.2])
    group = measure(labels, scores, scores, np.ones(3), np.arange(3), resamples=100, seed=1)[0]
    assert (group.examples, group.positives, group.roc_auc, group.interval) == (3, 1, None, None)


def test_file_content_is_read_back_and_earlier_versions_are_recognised() -> None:
    group = Progress("1 to 4", 10, 2, 0.7, (0.6, 0.8), 0.5, 0.2, (0.1, 0.3))
    content = json.loads(json.dumps(group.as_dict()))
    assert Progress.from_dict(content) == group
    with pytest.raises(KeyError):
        Progress.from_dict({"events": "1 to 4", "examples": 10, "positives": 2, "roc_auc": 0.7})
