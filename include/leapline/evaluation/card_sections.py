"""Further sections of the model card: the Markov baseline, sessions in progress, and the item model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from leapline.evaluation.document import Block, Heading, Table, Text, code
from leapline.formatting import change, count, percent, score

Numbers = Mapping[str, Any]


@dataclass(frozen=True)
class CardSections:
    """Content of the further sections; an empty one is left out of the card.

    Attributes:
        transitions: state -> next state -> log-odds of the transition in whole millionths, buyers against non-buyers.
        baseline: `roc_auc` and `average_precision` of the Markov baseline on the holdout.
        progress: rows of `events`, `examples`, `positives`, `roc_auc`; see `leapline.evaluation.session_progress`.
        items: metrics of the item model, and `first_is_bought`.
    """

    transitions: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    baseline: Numbers = field(default_factory=dict)
    progress: Sequence[Numbers] = ()
    items: Numbers = field(default_factory=dict)


def blocks(sections: CardSections) -> list[Block]:
    """Return the sections as blocks of the card."""
    return [*_progress(sections.progress), *_baseline(sections), *_items(sections.items)]


def _progress(rows: Sequence[Numbers]) -> list[Block]:
    if not rows:
        return []
    table = [(row["events"], row["examples"], row["positives"], score(row["roc_auc"])) for row in rows]
    return [
        Heading("Sessions in progress"),
        Text(
            "The same model on the holdout's examples, whole sessions and prefixes of them, grouped by the number of "
            "events so far. A session may appear in several groups."
        ),
        Table(("events so far", "examples", "examples of buying sessions", "ROC AUC"), table),
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
            f"{count(items.get('positives', 0))} were bought.{top}"
        ),
    ]
