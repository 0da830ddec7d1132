"""What a model card tells beside the model: the chains it must beat, its visits' course, and the model of items."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from leapline.evaluation.document import Block, Heading, Table, Text

Numbers = Mapping[str, Any]


@dataclass(frozen=True)
class Companions:
    """What was found beside the model; what is empty is left out of the card.

    Attributes:
        chains: state -> next state -> log-odds of the step in whole millionths (buyers' chain against others').
        baseline: `roc_auc` and `average_precision` of the chains alone on the holdout.
        moments: rows of `events`, `examples`, `positives`, `roc_auc`.
        items: metrics of the model of items, and `first_is_bought`.
    """

    chains: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    baseline: Numbers = field(default_factory=dict)
    moments: Sequence[Numbers] = ()
    items: Numbers = field(default_factory=dict)


def blocks(found: Companions) -> list[Block]:
    """The card's sections about them."""
    return [*_moments(found.moments), *_chains(found), *_items(found.items)]


def _moments(rows: Sequence[Numbers]) -> list[Block]:
    if not rows:
        return []
    table = [(row["events"], row["examples"], row["positives"], _number(row["roc_auc"])) for row in rows]
    return [
        Heading("While visits go on"),
        Text("The same model, asked when so many events had been seen."),
        Table(("events seen", "examples", "buyers", "ROC AUC"), table),
    ]


def _chains(found: Companions) -> list[Block]:
    if not found.chains:
        return []
    states = list(next(iter(found.chains.values())))
    rows = [(f"`{b}`", *(f"{row[a] / 1e6:+.2f}" for a in states)) for b, row in found.chains.items()]
    alone = _number(found.baseline.get("roc_auc")), _number(found.baseline.get("average_precision"))
    return [
        Heading("The baseline: two Markov chains"),
        Text(
            f"The steps from page to page alone give ROC AUC {alone[0]}, average precision {alone[1]}. Each number is "
            "the log of how much likelier buyers are to go from the row's state to the column's than others are."
        ),
        Table(("from", *states), rows),
    ]


def _items(found: Numbers) -> list[Block]:
    if not found:
        return []
    first = found.get("first_is_bought")
    share = (
        ""
        if first is None
        else f" In {first:.0%} of the sessions that buy a viewed item, the one ranked first is bought."
    )
    return [
        Heading("Which item"),
        Text(
            f"A second forest gives each viewed item's chance to be bought: ROC AUC {_number(found.get('roc_auc'))} on "
            f"{found.get('examples', 0):,} pairs of session and item, {found.get('positives', 0):,} bought.{share}"
        ),
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
