"""The first model of this business: two Markov chains over a session's steps, the buyers' and the others'.

A session's score is the log of how much likelier its steps are under the buyers' chain. That is a feature of the forest
(operation `markov`), and, as a model of its own, the baseline that the forest must beat. It is small enough to read.

The chances of the steps from one state are counted and drawn towards those of all sessions together, as if `DRAWN` more
steps of that chain had been seen: where a chain has seen little, the two agree and the log-odds are near 0.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

DRAWN = 20.0
START = "start"
MILLION = 1_000_000
Steps = Mapping[tuple[int, str, str], int]


@dataclass(frozen=True)
class Chains:
    """What was learnt.

    Attributes:
        table: from -> to -> log-odds of the step in whole millionths, every state in its order.
        steps: from -> to -> how many of the buyers' and of the others' sessions' steps.
        prior: log-odds of a buyer before any step.
    """

    table: dict[str, dict[str, int]]
    steps: dict[str, dict[str, tuple[int, int]]]
    prior: float

    def dumps(self) -> str:
        """The file: a line for each state that a step begins in."""
        head = json.dumps({"drawn": DRAWN, "prior": self.prior})[:-1]
        tables: dict[str, Mapping[str, Any]] = {"millionths": self.table, "steps": self.steps}
        parts = [
            f'"{name}": {{\n  '
            + ",\n  ".join(f'"{before}": {json.dumps(row)}' for before, row in rows.items())
            + "\n }"
            for name, rows in tables.items()
        ]
        return ",\n ".join([head, *parts]) + "\n}\n"

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Chains":
        """Back from the JSON file."""
        steps = {b: {a: (pair[0], pair[1]) for a, pair in row.items()} for b, row in content["steps"].items()}
        return cls(content["millionths"], steps, content["prior"])


def learn(examples: "DataFrame", column: str, states: Sequence[str]) -> Chains:
    """Learn both chains.

    Args:
        examples: `label`, `whole` and the sessions' states; only whole sessions count, each once.
        column: holds the states as letters, `a` for the first of `states`.
        states: their names.
    """
    letter = f"substring({column}, i, 1)"
    before = f"CASE WHEN i = 1 THEN '' ELSE substring({column}, i - 1, 1) END"
    steps = f"transform(sequence(1, length({column})), i -> struct({before} AS b, {letter} AS a))"
    whole = examples.where("whole")
    counted = (
        whole.where(f"{column} <> ''")
        .selectExpr("label", f"explode({steps}) AS step")
        .groupBy("label", "step.b", "step.a")
    )
    names = {"": START, **{chr(ord("a") + number): state for number, state in enumerate(states)}}
    found = {(row["label"], names[row["b"]], names[row["a"]]): row["count"] for row in counted.count().collect()}
    sessions = whole.selectExpr("count_if(label = 1)", "count_if(label = 0)").head()
    buyers, others = (sessions[0], sessions[1]) if sessions else (0, 0)
    return chains(found, states, buyers, others)


def chains(steps: Steps, states: Sequence[str], buyers: int, others: int) -> Chains:
    """Both chains from counted steps.

    Args:
        steps: (label, from, to) -> how often.
        states: every state that can be stepped to.
        buyers: sessions with label 1.
        others: sessions with label 0.
    """
    befores = (START, *states)
    counts = {b: {a: (steps.get((1, b, a), 0), steps.get((0, b, a), 0)) for a in states} for b in befores}
    table = {before: _log_odds(row) for before, row in counts.items()}
    return Chains(table, counts, math.log((buyers + 1) / (others + 1)))


def _log_odds(row: Mapping[str, tuple[int, int]]) -> dict[str, int]:
    """To -> log-odds in whole millionths, of the steps from one state."""
    bought, left = (sum(pair[which] for pair in row.values()) for which in (0, 1))

    def odds(pair: tuple[int, int]) -> float:
        common = (sum(pair) + 1) / (bought + left + len(row))
        return (pair[0] + DRAWN * common) / (bought + DRAWN) * (left + DRAWN) / (pair[1] + DRAWN * common)

    return {state: round(math.log(odds(pair)) * MILLION) for state, pair in row.items()}
