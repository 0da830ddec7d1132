"""The model card says what it must, whatever is missing."""

import html
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from leapline.evaluation import card, plots
from leapline.evaluation.card_sections import Companions
from leapline.evaluation.metrics import curves, measure
from leapline.evaluation.slices import Slice
from leapline.evaluation.verdict import Evidence, Limits, decide

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
    permutation={"n_views": 0.12, "length_s": -0.001},
    slices=[Slice("device", "Mobile", 700, 80, 0.8123, (0.78, 0.84)), Slice("device", "Tablet", 3, 0, None, None)],
)
LABELS = np.repeat([0.0, 1.0], [900, 100])
SCORES = np.random.default_rng(1).random(1000) * (0.4 + 0.6 * LABELS)


def rendered(labels: np.ndarray = LABELS, scores: np.ndarray = SCORES) -> str:  # type: ignore[type-arg]
    metrics = measure(labels, scores)
    verdict = decide(Evidence(metrics, SUBJECT.training_days, 41), Limits(calibration_error=1))
    return card.render(SUBJECT, metrics, verdict, {"roc": "plots/roc.png"})


def test_the_card_has_every_part() -> None:
    text = rendered()
    for part in (
        "Data",
        "Metrics on the holdout",
        "Slices",
        "Verdict",
        "Features",
        "Lineage",
        "Privacy",
        "Known limits",
    ):
        assert f"\n## {part}\n" in text
    for line in (
        "| training | 2026-03-04 to 2026-03-05 (2 days) | 12,000 | 600 | 5.00% |",
        "| holdout | 2026-03-06 | 1,000 | 100 | 10.00% |",
        "| `n_views` | count | kinds item_view, page_view | 75.0% | +0.1200 |",
        "| `unused` | count |  | - | - |",
        "| device | Mobile | 700 | 80 | 0.8123 | 95 % interval 0.7800 to 0.8400 |",
        "| device | Tablet | 3 | 0 | - |  |",
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
    verdict = decide(Evidence(metrics, []), Limits())
    assert "| training | 2026-03-04 |" in card.render(replace(SUBJECT, training_days=["2026-03-04"]), metrics, verdict)
    bare = card.render(replace(SUBJECT, training_days=[], slices=[]), metrics, verdict)
    assert "| training | no days |" in bare
    assert "The holdout was not divided." in bare


def test_the_page_says_the_same_and_fetches_nothing(tmp_path: Path) -> None:
    metrics = measure(LABELS, SCORES)
    verdict = decide(Evidence(metrics, SUBJECT.training_days, 41), Limits())
    plots.draw(tmp_path, "2026-03-06", metrics, curves(LABELS, SCORES), SUBJECT.training["importances"])
    page = card.render_html(SUBJECT, metrics, verdict, tmp_path)
    assert page == card.render_html(SUBJECT, metrics, verdict, tmp_path)
    assert page.count("data:image/svg+xml;base64,") == len(plots.NAMES)
    assert set(re.findall(r'(?:src|href)="([^:"]*)', page)) == {"data"}
    text = html.unescape(re.sub(r"<[^>]+>", "", page))
    for words in (
        "length_s",
        "a|b",
        verdict.summary,
        "4fcd549",
        "in the same session",
        "95 % interval 0.7800 to 0.8400",
    ):
        assert words in text
    assert "<li>It was judged on one day" in page
    ElementTree.fromstring(re.sub(r"<!doctype html>|<(meta|img)[^>]*>", "", page))  # noqa: S314 (our own page)


def test_nothing_in_a_name_becomes_markup() -> None:
    odd = replace(SUBJECT, lineage={"<b>": "`<script>`"})
    metrics = measure(LABELS, SCORES)
    page = card.render_html(odd, metrics, decide(Evidence(metrics, []), Limits()), Path("none"))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_more_of_the_lineage() -> None:
    assert card.with_lineage(SUBJECT, {"parent": "m"}).lineage == {"code version": "4fcd549", "parent": "m"}


def test_what_stands_beside_the_model_is_told_if_it_is_known() -> None:
    beside = Companions(
        chains={"start": {"home": -250_000, "item": 1_500_000}, "home": {"home": 0, "item": 40_000}},
        baseline={"roc_auc": 0.78149, "average_precision": None},
        moments=[{"events": "1 to 4", "examples": 1200, "positives": 40, "roc_auc": 0.7}],
        items={"roc_auc": 0.9561, "examples": 5000, "positives": 90, "first_is_bought": 0.957},
    )
    metrics = measure(LABELS, SCORES)
    verdict = decide(Evidence(metrics, SUBJECT.training_days, 41), Limits(calibration_error=1))
    text = card.render(replace(SUBJECT, beside=beside), metrics, verdict)
    for line in (
        "| 1 to 4 | 1,200 | 40 | 0.7000 |",
        "give ROC AUC 0.7815, average precision -.",
        "| `start` | -0.25 | +1.50 |",
        "ROC AUC 0.9561 on 5,000 pairs of session and item, 90 bought. In 96% of the sessions",
    ):
        assert line in text, line
    assert "Markov" not in rendered()
