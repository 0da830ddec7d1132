"""The verdict fails closed."""

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from leapline.evaluation import verdict as v
from leapline.evaluation.metrics import Metrics, measure

GOOD = Metrics(
    examples=2000,
    positives=100,
    prevalence=0.05,
    roc_auc=0.91,
    roc_auc_interval=(0.89, 0.93),
    average_precision=0.4,
    log_loss=0.14,
    base_log_loss=0.2,
    brier=0.04,
    distinct_scores=1500,
    invalid_scores=0,
)
LIMITS = v.Limits(roc_auc=0.88, min_positives=30)
DAYS = ["2026-03-01", "2026-03-02"]


def failed(metrics: Metrics, days: list[str] = DAYS, largest_tree: int | None = 51) -> list[str]:
    verdict = v.decide(metrics, LIMITS, days, largest_tree)
    assert verdict.passed == all(rule.passed for rule in verdict.rules)
    return [rule.name for rule in verdict.rules if not rule.passed]


def test_a_good_model_passes() -> None:
    verdict = v.decide(GOOD, LIMITS, DAYS, largest_tree=51)
    assert verdict.passed
    assert verdict.summary == "Passed all 9 rules: ROC AUC: 0.91 (at least 0.88)."
    assert v.decide(GOOD, LIMITS, DAYS).passed
    assert v.Verdict.from_dict(json.loads(json.dumps(verdict.as_dict()))) == verdict


def test_the_threshold_itself_passes_and_a_hair_below_does_not() -> None:
    assert failed(replace(GOOD, roc_auc=0.88)) == []
    assert failed(replace(GOOD, roc_auc=math.nextafter(0.88, 0))) == ["roc_auc"]


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ({"roc_auc": None}, ["roc_auc", "suspicious_roc_auc"]),
        ({"roc_auc": math.nan}, ["roc_auc", "suspicious_roc_auc"]),
        ({"roc_auc": 1.0}, ["suspicious_roc_auc"]),
        ({"positives": 29}, ["positives"]),
        ({"positives": 1990}, ["negatives"]),
        ({"invalid_scores": 1}, ["invalid_scores"]),
        ({"distinct_scores": 1}, ["distinct_scores"]),
        ({"log_loss": 0.2}, ["log_loss"]),
        ({"log_loss": math.inf}, ["log_loss"]),
        ({"base_log_loss": None}, ["log_loss"]),
    ],
)
def test_each_rule_refuses(change: dict[str, Any], rules: list[str]) -> None:
    assert failed(replace(GOOD, **change)) == rules


def test_no_training_days_and_trees_of_one_leaf() -> None:
    assert failed(GOOD, days=[]) == ["training_days"]
    assert failed(GOOD, largest_tree=1) == ["largest_tree"]


def test_a_holdout_without_buyers_is_refused_and_says_why() -> None:
    verdict = v.decide(measure(np.zeros(50), np.linspace(0, 1, 50)), LIMITS, DAYS, 51)
    assert not verdict.passed
    assert "the holdout has no buyers" in verdict.summary
    assert {"roc_auc", "positives", "log_loss"} <= {rule.name for rule in verdict.rules if not rule.passed}


def test_scores_that_are_all_equal_are_refused() -> None:
    labels = np.repeat([0.0, 1.0], [900, 100])
    assert "distinct_scores" in failed(measure(labels, np.full(1000, 0.1)))


def test_the_summary_says_what_was_found_and_asked() -> None:
    verdict = v.decide(replace(GOOD, roc_auc=0.8412, positives=3), LIMITS, DAYS)
    assert verdict.summary == "Refused: ROC AUC: 0.8412, but at least 0.88 is asked (1 more rule failed)."


def test_nothing_checked_is_not_passed() -> None:
    assert not v.conclude([]).passed
