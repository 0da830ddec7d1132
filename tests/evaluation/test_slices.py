"""Metrics of slices, and DeLong's interval."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from leapline.evaluation import slices as s


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=2, max_size=60))
def test_delong_equals_scikit_learn_with_ties(pairs: list[tuple[bool, int]]) -> None:
    labels = np.array([float(label) for label, _ in pairs])
    scores = np.array([score / 8 for _, score in pairs])
    if 0 < labels.sum() < len(labels):
        assert s.delong(labels, scores)[0] == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


def test_interval_contains_true_area() -> None:
    """Scores N(1, 1) for buyers and N(0, 1) for others have an area of Phi(1 / sqrt 2). 600 holdouts of 40 buyers."""
    area = 0.5 * (1 + math.erf(0.5))
    labels = np.repeat([1.0, 0.0], [40, 700])
    covered = 0
    for seed in range(600):
        scores = np.random.default_rng(seed).normal(size=740) + labels
        interval = s.delong_interval(*s.delong(labels, scores))
        assert interval is not None
        covered += interval[0] <= area <= interval[1]
    assert 0.925 <= covered / 600 <= 0.975


def test_slice_ranked_at_random_has_low_area() -> None:
    rng = np.random.default_rng(1)
    labels = (rng.random(4000) < 0.2).astype(float)
    device = np.where(rng.random(4000) < 0.3, "Tablet", "Mobile")
    scores = rng.random(4000) + labels * (device == "Mobile")
    slices = {part.name: part for part in s.measure_slices(labels, scores, {"device": device.tolist()})}
    assert slices["device Mobile"].roc_auc == pytest.approx(1.0, abs=0.2)
    assert slices["device Tablet"].roc_auc == pytest.approx(0.5, abs=0.06)
    assert sum(part.examples for part in slices.values()) == 4000
    assert sum(part.positives for part in slices.values()) == labels.sum()
    tablet = slices["device Tablet"]
    assert tablet.interval is not None
    assert tablet.interval[0] < 0.5 < tablet.interval[1]
    assert s.Slice.from_dict(json.loads(json.dumps(tablet.as_dict()))) == tablet


def test_values_with_few_sessions_are_measured_together() -> None:
    labels = np.array([1.0, 1.0, 0.0, 0.0] * 3 + [1.0, 0.0, 1.0, 0.0])
    scores = np.random.default_rng(1).random(16)
    device = ["Mobile"] * 12 + ["TV"] * 2 + ["Tablet"] * 2
    *alone, pooled = s.measure_slices(labels, scores, {"device": device}, min_positives=2)
    assert [part.name for part in alone] == ["device Mobile", "device TV", "device Tablet"]
    assert pooled.name == "device pooled (TV, Tablet)"
    assert (pooled.examples, pooled.positives) == (4, 2)
    assert pooled.roc_auc == roc_auc_score(labels[12:], scores[12:])
    assert s.Slice.from_dict(json.loads(json.dumps(pooled.as_dict()))) == pooled
    assert len(s.measure_slices(labels[:14], scores[:14], {"device": device[:14]}, min_positives=2)) == 2, (
        "one is alone"
    )


def test_no_area_for_one_class_or_missing_scores() -> None:
    labels, scores = np.array([0.0, 0.0, 1.0, 0.0]), np.array([0.1, 0.2, np.nan, 0.4])
    slices = s.measure_slices(labels, scores, {"visitor": ["new", "new", "old", "old"]})
    assert [(part.value, part.positives, part.roc_auc, part.interval) for part in slices] == [
        ("new", 0, None, None), ("old", 1, None, None)
    ]  # fmt: skip


def test_one_positive_has_area_without_interval() -> None:
    [part] = s.measure_slices(np.array([0.0, 0.0, 1.0]), np.array([0.1, 0.4, 0.3]), {"all": ["x"] * 3})
    assert (part.roc_auc, part.interval) == (0.5, None)


def test_time_of_day_is_split_into_quarters() -> None:
    assert s.quarter_of_day(np.array([0, 5, 6, 23])) == ["00-05", "00-05", "06-11", "18-23"]


def test_values_of_few_visitors_are_not_named() -> None:
    values, visitors = ["Mobile", "Mobile", "Mobile", "anna's phone", "anna's phone"], ["a", "b", "a", "c", "c"]
    assert s.without_rare(values, visitors, 2) == ["Mobile", "Mobile", "Mobile", "other", "other"]
    assert s.without_rare(values, visitors, 1) == values
