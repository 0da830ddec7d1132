"""Two Markov chains over a session's states, one fitted on buyers and one on non-buyers.

A session's score is the log-likelihood ratio of its transitions under the two chains. It is a feature of the forest
(operation `markov`) and, as a model of its own, the baseline that the forest must beat. It is small enough to read.

The transition probabilities from one state are shrunk towards the pooled chain of all sessions, as if
`SMOOTHING_PSEUDOCOUNT` further transitions of the pooled chain had been observed: where one class has few transitions,
the two chains agree and the log-odds are near 0.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

SMOOTHING_PSEUDOCOUNT = 20.0
START = "start"
MILLION = 1_000_000
TransitionCounts = Mapping[tuple[int, str, str], int]
"""(label, from, to) -> number of transitions."""


@dataclass(frozen=True)
class TransitionModel:
    """The fitted chains.

    Attributes:
        table: from -> to -> log-odds of the transition in whole millionths, every state in order.
        steps: from -> to -> number of transitions in sessions of buyers and of non-buyers.
        prior: log-odds of a buyer before any transition.
    """

    table: dict[str, dict[str, int]]
    steps: dict[str, dict[str, tuple[int, int]]]
    prior: float

    def dumps(self) -> str:
        """Return the file's content: one line per state that a transition starts from."""
        head = json.dumps({"drawn": SMOOTHING_PSEUDOCOUNT, "prior": self.prior})[:-1]
        tables: dict[str, Mapping[str, Any]] = {"millionths": self.table, "steps": self.steps}
        parts = [
            f'"{name}": {{\n  '
            + ",\n  ".join(f'"{before}": {json.dumps(row)}' for before, row in rows.items())
            + "\n }"
            for name, rows in tables.items()
        ]
        return ",\n ".join([head, *parts]) + "\n}\n"

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "TransitionModel":
        """Return the model from the content of its JSON file."""
        steps = {b: {a: (pair[0], pair[1]) for a, pair in row.items()} for b, row in content["steps"].items()}
        return cls(content["millionths"], steps, content["prior"])


@dataclass(frozen=True)
class SessionCounts:
    """What the chains are fitted on.

    Attributes:
        transitions: number of transitions by label, from and to.
        buyers, non_buyers: sessions with label 1 and 0.
    """

    transitions: TransitionCounts
    buyers: int
    non_buyers: int


def count_sessions(examples: "DataFrame", column: str, states: Sequence[str]) -> SessionCounts:
    """Count sessions and their transitions in one pass.

    Args:
        examples: `label`, `whole` and the sessions' states; only whole sessions count, each once.
        column: holds the states as letters, `a` for the first of `states`.
        states: their names.
    """
    letter = f"substring({column}, i, 1)"
    before = f"CASE WHEN i = 1 THEN '' ELSE substring({column}, i - 1, 1) END"
    # A session without states has one step to nowhere: each session has one step from the start.
    last = f"greatest(1, length({column}))"
    steps = f"transform(sequence(1, {last}), i -> struct({before} AS b, {letter} AS a))"
    counted = (
        examples.where("whole").selectExpr("label", f"explode({steps}) AS step").groupBy("label", "step.b", "step.a")
    )
    rows = counted.count().collect()
    names = {"": START, **{chr(ord("a") + number): state for number, state in enumerate(states)}}
    transitions = {(row["label"], names[row["b"]], names[row["a"]]): row["count"] for row in rows if row["a"]}
    non_buyers, buyers = (sum(r["count"] for r in rows if not r["b"] and r["label"] == label) for label in (0, 1))
    return SessionCounts(transitions, buyers, non_buyers)


def fit_transitions(counts: SessionCounts, states: Sequence[str]) -> TransitionModel:
    """Fit both chains."""
    return from_counts(counts.transitions, states, counts.buyers, counts.non_buyers)


def from_counts(counts: TransitionCounts, states: Sequence[str], buyers: int, non_buyers: int) -> TransitionModel:
    """Return both chains from counted transitions.

    Args:
        counts: number of transitions by label, from and to.
        states: every state that a transition can lead to.
        buyers: sessions with label 1.
        non_buyers: sessions with label 0.
    """
    origins = (START, *states)
    steps = {b: {a: (counts.get((1, b, a), 0), counts.get((0, b, a), 0)) for a in states} for b in origins}
    table = {origin: _log_odds(row) for origin, row in steps.items()}
    return TransitionModel(table, steps, math.log((buyers + 1) / (non_buyers + 1)))


def _log_odds(row: Mapping[str, tuple[int, int]]) -> dict[str, int]:
    """Return to -> log-odds in whole millionths of the transitions from one state."""
    buyers, non_buyers = (sum(pair[which] for pair in row.values()) for which in (0, 1))

    def odds(pair: tuple[int, int]) -> float:
        pooled = (sum(pair) + 1) / (buyers + non_buyers + len(row))
        prior = SMOOTHING_PSEUDOCOUNT * pooled
        return (
            (pair[0] + prior)
            / (buyers + SMOOTHING_PSEUDOCOUNT)
            * (non_buyers + SMOOTHING_PSEUDOCOUNT)
            / (pair[1] + prior)
        )

    return {state: round(math.log(odds(pair)) * MILLION) for state, pair in row.items()}
