"""Further sections of the model card: the Markov baseline, sessions in progress, and the item model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from leapline.evaluation.calibration_ratio import CalibrationRatio
from leapline.evaluation.document import Block, Heading, Table, Text, code
from leapline.evaluation.leakage import Leakage
from leapline.evaluation.leakage_rules import leakage_blocks
from leapline.evaluation.session_progress import Progress
from leapline.formatting import change, count, interval, percent, score

Numbers = Mapping[str, Any]


@dataclass(frozen=True)
class CardSections:
    """Content of the further sections; an empty one is left out of the card.

    Attributes:
        transitions: state -> next state -> log-odds of the transition in whole millionths, buyers against non-buyers.
        baseline: `roc_auc` and `average_precision` of the Markov baseline on the holdout.
        progress: ranking quality by number of events so far.
        calibration: mean forecast and prevalence over whole sessions and beginnings of sessions; None if not measured.
        items: metrics of the item model, `first_is_bought`, `calibration_ratio` and `choices`.
        leakage: measurements of single features; None if there are none.
    """

    transitions: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    baseline: Numbers = field(default_factory=dict)
    progress: Sequence[Progress] = ()
    calibration: CalibrationRatio | None = None
    items: Numbers = field(default_factory=dict)
    leakage: Leakage | None = None


def blocks(sections: CardSections) -> list[Block]:
    """Return the sections as blocks of the card."""
    return [
        *_progress(sections.progress),
        *_baseline(sections),
        *_items(sections.items),
        *leakage_blocks(sections.leakage),
    ]


def calibration_rows(calibration: CalibrationRatio | None) -> list[tuple[str, str, str]]:
    """Return the row of the table of metrics about calibration in the large: metric, value, note."""
    if calibration is None:
        return []
    means = f"mean forecast {score(calibration.forecast)}, prevalence {score(calibration.prevalence)}"
    note = f"{_interval(calibration.interval)}; {means}; over whole sessions and beginnings of sessions"
    return [("forecast / prevalence", score(calibration.ratio, 2), note.removeprefix("; "))]


def _interval(bounds: tuple[float, float] | None) -> str:
    return f"95 % interval {interval(bounds)}" if bounds else ""


def _progress(rows: Sequence[Progress]) -> list[Block]:
    if not rows:
        return []
    table = [
        (
            row.events,
            row.examples,
            row.positives,
            score(row.roc_auc),
            interval(row.interval),
            score(row.baseline_roc_auc),
            change(row.difference),
            interval(row.difference_interval, change),
        )
        for row in rows
    ]
    head = ("events so far", "examples", "examples of buying sessions", "ROC AUC", "95 % interval")
    return [
        Heading("Sessions in progress"),
        Text(
            "The same model on the holdout's examples, whole sessions and prefixes of them, grouped by the number of "
            "events so far, and the Markov baseline on the same examples. A session may appear in several groups."
        ),
        Table((*head, "baseline's ROC AUC", "difference", "95 % interval of the difference"), table),
    ]


def _baseline(sections: CardSections) -> list[Block]:
    if not sections.transitions:
        return []
    states = list(next(iter(sections.transitions.values())))
    rows = [(code(b), *(change(row[a] / 1e6, 2) for a in states)) for b, row in sections.transitions.items()]
    roc_auc, precision = (score(sections.baseline.get(name)) for name in ("roc_auc", "average_precision"))
    return [
        Heading("Markov baseline"),
        Text(
            f"The baseline uses only the order of pages and actions: two Markov chains, one of buyers and one of "
            f"non-buyers. Its ROC AUC is {roc_auc}, its average precision {precision}. An entry is the log-odds of the "
            "transition from the row's state to the column's: positive if it is more likely in sessions that buy."
        ),
        Table(("from", *states), rows),
    ]


def _items(items: Numbers) -> list[Block]:
    if not items:
        return []
    first = items.get("first_is_bought")
    top = f" In {percent(first)} of the sessions that buy a viewed item, it is the one ranked first." if first else ""
    return [
        Heading("Item model"),
        Text(
            f"A second forest predicts which viewed item is bought: ROC AUC {score(items.get('roc_auc'))} on "
            f"{count(items.get('examples', 0))} session-item pairs of the holdout, of which "
            f"{count(items.get('positives', 0))} were bought.{top}{_choices(items.get('choices') or {})}"
        ),
    ]


def _choices(choices: Numbers) -> str:
    """Return the sentence that compares the first-ranked item with choices that need no model."""
    if choices.get("first") is None:
        return ""
    recent = choices.get("recent")
    last = f", the item viewed last in {percent(recent)}" if recent is not None else ""
    return (
        f" Among the {count(choices['sessions'])} sessions that choose one of several items, the first-ranked item is "
        f"bought in {percent(choices['first'])}, an item drawn at random in {percent(choices['random'])}{last}."
    )
