"""The model card says what it must, whatever is missing."""

from dataclasses import replace

import numpy as np
import pytest

from leapline.evaluation import card
from leapline.evaluation.metrics import measure
from leapline.evaluation.verdict import Limits, decide

SUBJECT = card.Subject(
    data_day="2026-03-06",
    training_days=["2026-03-04", "2026-03-05"],
    training={
        "examples": 12000,
        "positives": 600,
        "weight": 19,
        "importances": {"n_views": 0.75, "length_s": 0.25},
        "calibration": {"kind": "odds", "factor": 1 / 19},
    },
    features=[
        {"name": "length_s", "op": "span"},
        {"name": "n_views", "op": "count", "kinds": ["item_view", "page_view"]},
        {"name": "unused", "op": "count"},
    ],
    threshold=0.21,
    lineage={"code version": "4fcd549", "parent": "a|b"},
)
LABELS = np.repeat([0.0, 1.0], [900, 100])
SCORES = np.random.default_rng(1).random(1000) * (0.4 + 0.6 * LABELS)


def rendered(labels: np.ndarray = LABELS, scores: np.ndarray = SCORES) -> str:  # type: ignore[type-arg]
    metrics = measure(labels, scores)
    verdict = decide(metrics, Limits(roc_auc=0.88, min_positives=30), SUBJECT.training_days, 41)
    return card.render(SUBJECT, metrics, verdict, {"roc": "plots/roc.png"})


def test_the_card_has_every_part() -> None:
    text = rendered()
    for part in ("Data", "Metrics on the holdout", "Verdict", "Features", "Lineage", "Privacy", "Known limits"):
        assert f"\n## {part}\n" in text
    for line in (
        "| training | 2026-03-04 to 2026-03-05 (2 days) | 12,000 | 600 | 5.00% |",
        "| holdout | 2026-03-06 | 1,000 | 100 | 10.00% |",
        "| `n_views` | count | kinds item_view, page_view | 75.0% |",
        "| `unused` | count |  | - |",
        "| parent | `a\\|b` |",
        "![ROC curve](plots/roc.png)",
        "| threshold | 0.2100 | a session at or above it is called a buyer |",
    ):
        assert line in text
    assert text.index("`n_views`") < text.index("`length_s`")


def test_every_rule_of_the_verdict_is_in_the_table() -> None:
    text = rendered()
    assert "**Refused: ROC AUC:" in text
    assert text.count("| **no** |") == 1
    assert "| positives | 100 | at least 30 | yes | buyers in the holdout: 100 (at least 30) |" in text


@pytest.mark.parametrize(("labels", "why"), [(np.zeros(3), "has no buyers"), (np.zeros(0), "is empty")])
def test_a_card_without_metrics_says_why(labels: np.ndarray, why: str) -> None:  # type: ignore[type-arg]
    text = rendered(labels, labels)
    assert "| ROC AUC | - |  |" in text
    assert f"Not computed: the holdout {why}" in text


def test_one_day_and_none() -> None:
    metrics = measure(LABELS, SCORES)
    verdict = decide(metrics, Limits(0.88, 30), [], None)
    assert "| training | 2026-03-04 |" in card.render(replace(SUBJECT, training_days=["2026-03-04"]), metrics, verdict)
    assert "| training | no days |" in card.render(replace(SUBJECT, training_days=[]), metrics, verdict)
