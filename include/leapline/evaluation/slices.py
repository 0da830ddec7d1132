"""How well a model ranks within each kind of session: a good total can hide a part that is ranked at random."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leapline.evaluation.bootstrap import Array, expit, logit


@dataclass(frozen=True)
class Slice:
    """One kind of session.

    Attributes:
        by: what divides the sessions ("device").
        value: which of them ("Mobile").
        examples: sessions.
        positives: those that buy.
        roc_auc: of the sessions among themselves; None where only one class is there.
        interval: its 95 % interval (DeLong, on the logit scale).
    """

    by: str
    value: str
    examples: int
    positives: int
    roc_auc: float | None
    interval: tuple[float, float] | None

    @property
    def name(self) -> str:
        """ "device Mobile"."""
        return f"{self.by} {self.value}"

    def as_dict(self) -> dict[str, Any]:
        """For a JSON file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Slice":
        """Back from the JSON file."""
        interval = content["interval"]
        return cls(**{**content, "interval": tuple(interval) if interval else None})


def cut(labels: Array, scores: Array, groups: Mapping[str, Sequence[str]]) -> list[Slice]:
    """The slices, in the order of `groups` and of their values.

    Args:
        labels: 0 or 1, shape (n,).
        scores: shape (n,).
        groups: what divides -> each row's value, n of them.
    """
    found = []
    for by, column in groups.items():
        values = np.asarray(column, dtype=str)
        found += [_slice(by, str(v), labels[values == v], scores[values == v]) for v in np.unique(values)]
    return found


def quarter_of_day(hours: NDArray[Any]) -> list[str]:
    """Six hours each, so that a day's buyers suffice: "00-05", "06-11", "12-17", "18-23" (UTC)."""
    return [f"{hour // 6 * 6:02d}-{hour // 6 * 6 + 5:02d}" for hour in hours.tolist()]


def delong(labels: Array, scores: Array) -> tuple[float, float]:
    """ROC AUC and its variance, by the fast form of DeLong's method (Sun and Xu 2014, IEEE SPL 21(11)): O(n log n).

    It takes rows for independent; in a slice few visitors come twice.
    """
    from scipy.stats import rankdata

    positive, negative = scores[labels == 1], scores[labels == 0]
    m, n = len(positive), len(negative)
    ranks = rankdata(np.concatenate([positive, negative]))
    above = (ranks[:m] - rankdata(positive)) / n
    below = 1 - (ranks[m:] - rankdata(negative)) / m
    variance = (above.var(ddof=1) / m if m > 1 else math.nan) + (below.var(ddof=1) / n if n > 1 else math.nan)
    return float(above.mean()), float(variance)


def delong_interval(value: float, variance: float) -> tuple[float, float] | None:
    """95 % interval, symmetric on the logit scale; None at 0 or 1, or with an unknown variance."""
    if not 0 < value < 1 or not math.isfinite(variance):
        return None
    half = NormalDist().inv_cdf(0.975) * math.sqrt(variance) / (value * (1 - value))
    return expit(logit(value) - half), expit(logit(value) + half)


def _slice(by: str, value: str, labels: Array, scores: Array) -> Slice:
    positives = int(labels.sum())
    if positives in (0, len(labels)) or not np.isfinite(scores).all():
        return Slice(by, value, len(labels), positives, None, None)
    area, variance = delong(labels, scores)
    return Slice(by, value, len(labels), positives, area, delong_interval(area, variance))
