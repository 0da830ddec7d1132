"""The model card contains every part, formatted for people, whatever is missing."""

import html
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from leapline.evaluation import card, plots
from leapline.evaluation.calibration_ratio import CalibrationRatio
from leapline.evaluation.card_sections import CardSections
from leapline.evaluation.metrics import curves, measure
from leapline.evaluation.rules import Rule
from leapline.evaluation.session_progress import Progress
from leapline.evaluation.slices import Slice
from leapline.evaluation.verdict import Evidence, Limits, conclude, decide

SUBJECT = card.Subject(
    data_day="2026-03-06",
    training_days=["2026-03-04", "2026-03-05"],
    training={
        "examples": 12000,
        "positives": 600,
        "sessions": 7000,
        "buying_sessions": 350,
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


def page_of(subject: card.Subject, plots_folder: Path = Path("none")) -> str:
    metrics = measure(LABELS, SCORES)
    return card.render_html(subject, metrics, decide(Evidence(metrics, []), Limits()), plots_folder)


def test_card_has_every_part() -> None:
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
        "| training | 2026-03-04 to 2026-03-05 (2 days) | 7,000 | 350 | 5.0 % | 12,000 | 600 |",
        "| holdout | 2026-03-06 | 1,000 | 100 | 10.0 % | 1,000 | 100 |",
        "| `n_views` | count | kinds item_view, page_view | 75.0 % | +0.120 |",
        "| `unused` | count |  | - | - |",
        "| device | Mobile | 700 | 80 | 0.812 | 95 % interval 0.780 to 0.840 |",
        "| device | Tablet | 3 | 0 | - |  |",
        "| parent | `a\\|b` |",
        "![ROC curve](plots/roc.png)",
        "| threshold | 0.210 | a session at or above it is classified as a buyer |",
        "Calibration multiplies the odds of the score by 0.0526",
    ):
        assert line in text, line
    assert text.index("`n_views`") < text.index("`length_s`")


def test_sessions_of_older_models_are_not_shown() -> None:
    training = {name: value for name, value in SUBJECT.training.items() if "sessions" not in name}
    metrics = measure(LABELS, SCORES)
    text = card.render(replace(SUBJECT, training=training), metrics, decide(Evidence(metrics, []), Limits()))
    assert "(2 days) | - | - | - | 12,000 | 600 |" in text


def test_table_has_every_rule_of_the_verdict() -> None:
    text = rendered()
    assert "**Refused: ROC AUC:" in text
    assert text.count("| **no** |") == 1
    assert (
        "| positives | 100 | at least 30 | yes | buying sessions in the holdout: 100 (required at least 30) |" in text
    )


@pytest.mark.parametrize(
    ("value", "limit", "shown"),
    [
        (-0.0101, "above -0.01", "-0.0101"),
        (0.2, "at least 0.2, 2 times the prevalence", "0.2"),
        (1200.0, "at least 1,000", "1,200"),
        (None, "at least a finite number", "-"),
        (0.5, "below a finite number", "0.5"),
        (3e-10, "at most 1e-09", "3e-10"),
    ],
)
def test_rule_value_has_as_many_digits_as_its_requirement(value: float | None, limit: str, shown: str) -> None:
    rule = Rule("name", value, limit, False, "why")
    text = card.render(SUBJECT, measure(LABELS, SCORES), conclude([rule]))
    assert f"| name | {shown} | {limit} |" in text


@pytest.mark.parametrize(("labels", "reason"), [(np.zeros(3), "has no positives"), (np.zeros(0), "is empty")])
def test_card_without_metrics_has_reason(labels: np.ndarray, reason: str) -> None:  # type: ignore[type-arg]
    text = rendered(labels, labels)
    assert "| ROC AUC | - |  |" in text
    assert f"Not computed: the holdout {reason}" in text


def test_card_states_one_or_no_training_day() -> None:
    metrics = measure(LABELS, SCORES)
    verdict = decide(Evidence(metrics, []), Limits())
    assert "| training | 2026-03-04 |" in card.render(replace(SUBJECT, training_days=["2026-03-04"]), metrics, verdict)
    split = card.render(replace(SUBJECT, training_days=[SUBJECT.data_day]), metrics, verdict)
    assert (
        f"| training | {SUBJECT.data_day}, first part |" in split and f"| holdout | {SUBJECT.data_day}, rest |" in split
    )
    assert "evaluated on the later part of the one day whose earlier part it was trained on" in " ".join(split.split())
    bare = card.render(replace(SUBJECT, training_days=[], slices=[]), metrics, verdict)
    assert "| training | no days |" in bare
    assert "The holdout was not divided into slices." in bare


def test_html_card_is_self_contained(tmp_path: Path) -> None:
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
        "95 % interval 0.780 to 0.840",
    ):
        assert words in text
    assert re.search(r"<li>\s*The model was evaluated on the one day", page)
    ElementTree.fromstring(re.sub(r"<!doctype html>|<(meta|img)[^>]*>", "", page))  # noqa: S314 (our own page)


def test_tables_of_html_card_scroll() -> None:
    page = page_of(SUBJECT)
    assert page.count("<table>") == page.count('<div class="scroll" tabindex="0"') > 3
    assert ".scroll{overflow-x:auto" in page


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", "`<b>`", "*bold* and _italic_", "[link](javascript:alert(1))", "a|b", "&lt;", "\\"],
)
def test_text_from_data_is_shown_verbatim(text: str) -> None:
    odd = replace(
        SUBJECT, lineage={text: text}, slices=[Slice("device", text, 3, 1, 0.5, None)], permutation={}, features=[]
    )
    page = page_of(odd)
    body = page.partition("<body>")[2]
    cells = [html.unescape(re.sub(r"</?code>", "", cell)) for cell in re.findall(r"<td>(.*?)</td>", body)]
    assert cells.count(text) == 3
    assert "<script" not in body and "<b>" not in body and "<a" not in body


def test_lineage_can_be_extended() -> None:
    assert card.with_lineage(SUBJECT, {"parent": "m"}).lineage == {"code version": "4fcd549", "parent": "m"}


def test_further_sections_are_shown_if_there_is_content() -> None:
    sections = CardSections(
        transitions={"start": {"home": -250_000, "item": 1_500_000}, "home": {"home": 0, "item": 40_000}},
        baseline={"roc_auc": 0.78149, "average_precision": None},
        progress=[
            Progress("1 to 4", 1200, 40, 0.7, (0.62, 0.77), 0.65, 0.05, (-0.02, 0.12)),
            Progress("5 to 9", 3, 0),
        ],
        calibration=CalibrationRatio(0.0555, 0.05, 1.11, (0.98, 1.255)),
        items={
            "roc_auc": 0.9561,
            "examples": 5000,
            "positives": 90,
            "first_is_bought": 0.957,
            "choices": {"sessions": 61, "first": 0.91, "random": 0.35, "recent": 0.6},
        },
    )
    metrics = measure(LABELS, SCORES)
    verdict = decide(Evidence(metrics, SUBJECT.training_days, 41), Limits(calibration_error=1))
    text = card.render(replace(SUBJECT, sections=sections), metrics, verdict)
    for line in (
        "| 1 to 4 | 1,200 | 40 | 0.700 | 0.620 to 0.770 | 0.650 | +0.050 | -0.020 to +0.120 |",
        "| 5 to 9 | 3 | 0 | - |  | - | - |  |",
        "| forecast / prevalence | 1.11 | 95 % interval 0.980 to 1.255; mean forecast 0.056, prevalence 0.050; over",
        "Among the 61 sessions that choose one of several items, the first-ranked item is bought in 91.0 %, an item "
        "drawn at random in 35.0 %, the item viewed last in 60.0 %.",
        "Its ROC AUC is 0.781, its average precision -.",
        "| `start` | -0.25 | +1.50 |",
        "ROC AUC 0.956 on 5,000 session-item pairs of the holdout, of which 90 were bought. In 95.7 % of the sessions",
    ):
        assert line in text, line
    assert "Markov" not in rendered()
