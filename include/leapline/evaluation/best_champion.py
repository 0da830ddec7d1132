"""The best champion of the last days, and its comparison with the candidate on the same sessions.

The champion alone is no fixed mark: each new one may be a little worse than the one before, and after weeks the sum is
large. Which of the recent champions was the best is estimated from what was recorded when each was judged.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from leapline.evaluation.bootstrap import Comparison
from leapline.evaluation.champion import State, comparison_from

Interval = tuple[float, float]
_HALF_WIDTHS = 2 * 1.96
"""Standard errors in a 95 % interval."""
_MIN_ERROR = 1e-4
"""Smallest standard error: two models with the same scores have a difference without an interval's width."""


@dataclass(frozen=True)
class BestChampion:
    """The best champion of the last days, and whether and how it was compared with the candidate.

    Attributes:
        state: as of `ChampionComparison`: "compared"; "none": no recent champion can be compared; "off"; "unknown": it
            is not clear whether there is one, or it could not be compared, for the reason in `why`.
        why: one sentence about the state.
        days: how far back champions count.
        digest: digest of the image.
        model_id: of the model.
        skipped: champions of these days that could not be compared, perhaps better ones, each with the reason.
        comparison: candidate minus this model; None unless compared.
    """

    state: State
    why: str
    days: int
    digest: str | None = None
    model_id: str | None = None
    skipped: tuple[str, ...] = ()
    comparison: Comparison | None = None

    @property
    def text(self) -> str:
        """One line about it, with the reason if there was no comparison, and the champions that were left out."""
        model = f"{self.model_id}, of the last {self.days} days" if self.comparison else f"{self.state}, {self.why}"
        return "; ".join((model, *(f"not compared: {reason}" for reason in self.skipped)))

    def as_dict(self) -> dict[str, Any]:
        """Return the content of the JSON file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "BestChampion":
        """Return the object from the content of its JSON file."""
        values = {entry.name: content[entry.name] for entry in fields(cls)}
        skipped, comparison = tuple(content["skipped"]), comparison_from(content["comparison"])
        return cls(**values | {"skipped": skipped, "comparison": comparison})


@dataclass(frozen=True)
class Judged:
    """What was recorded when a model was judged.

    Attributes:
        model_id: of the model.
        roc_auc: on its own holdout.
        interval: 95 % interval of it.
        differences: other model id -> difference of ROC AUC (this model minus the other one) on this model's holdout,
            and its 95 % interval.
    """

    model_id: str
    roc_auc: float
    interval: Interval
    differences: Mapping[str, tuple[float, Interval]]


def ranked(models: Iterable[Judged]) -> list[str]:
    """Return model ids, the best one first, newest first among equals.

    Each model was measured on its own day, and days differ in difficulty. Differences on the same sessions do not, but
    a sum of many of them drifts. So both are used: the qualities are fitted to all recorded values and differences by
    least squares, each weighted with its precision.

    Args:
        models: with distinct ids, which start with the data day.
    """
    rows = {model.model_id: model for model in models}
    position = {model_id: number for number, model_id in enumerate(rows)}
    equations: list[tuple[dict[str, int], float, Interval]] = []
    for model_id, model in rows.items():
        equations.append(({model_id: 1}, model.roc_auc, model.interval))
        for other, (difference, interval) in model.differences.items():
            if other in rows:
                equations.append(({model_id: 1, other: -1}, difference, interval))
    left, right = np.zeros((len(equations), len(rows))), np.zeros(len(equations))
    for row, (signs, value, interval) in enumerate(equations):
        weight = 1 / max((interval[1] - interval[0]) / _HALF_WIDTHS, _MIN_ERROR)
        for model_id, sign in signs.items():
            left[row, position[model_id]] = sign * weight
        right[row] = value * weight
    quality = np.linalg.lstsq(left, right, rcond=None)[0]
    return sorted(rows, key=lambda model_id: (round(quality[position[model_id]], 9), model_id), reverse=True)
