"""Metrics of slices: a good overall ROC AUC can hide a group of sessions that is ranked at random."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leapline.evaluation.bootstrap import Array, expit, logit

POOLED = "pooled"
"""The value of a slice of several values of an attribute, each of which has too few sessions."""


@dataclass(frozen=True)
class Slice:
    """One slice of the holdout, and its ranking quality.

    Attributes:
        by: the attribute that the holdout is sliced by ("device").
        value: its value in this slice ("Mobile").
        examples: sessions.
        positives: buying sessions.
        roc_auc: within the slice; None if only one class is present.
        interval: 95 % interval (DeLong, on the logit scale).
        members: the values that were pooled in this slice, because each has too few sessions; empty for one value.
    """

    by: str
    value: str
    examples: int
    positives: int
    roc_auc: float | None
    interval: tuple[float, float] | None
    members: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """ "device Mobile", or "device pooled (Tablet, TV)"."""
        return f"{self.by} {self.label}"

    @property
    def label(self) -> str:
        """The value, with those that it pools."""
        return f"{self.value} ({', '.join(self.members)})" if self.members else self.value

    def is_large(self, minimum: int) -> bool:
        """Return whether there are at least `minimum` buying sessions, and other sessions."""
        return min(self.positives, self.examples - self.positives) >= minimum

    def as_dict(self) -> dict[str, Any]:
        """Return the content of the JSON file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Slice":
        """Return the slice from the content of its JSON file."""
        interval = content["interval"]
        members = tuple(content["members"])
        return cls(**{**content, "interval": tuple(interval) if interval else None, "members": members})


def measure_slices(
    labels: Array, scores: Array, groups: Mapping[str, Sequence[str]], min_positives: int = 0
) -> list[Slice]:
    """Measure each slice, in the order of `groups` and of their values.

    Values with too few sessions are measured together as well: a slice `POOLED` follows if an attribute has several.

    Args:
        labels: 0 or 1, shape (n,).
        scores: shape (n,).
        groups: attribute -> value of each row, n of them.
        min_positives: slices with fewer buying sessions, or fewer other sessions, are too small.
    """
    slices = []
    for by, column in groups.items():
        values = np.asarray(column, dtype=str)
        parts = [_slice(by, str(v), labels[values == v], scores[values == v]) for v in np.unique(values)]
        small = tuple(part.value for part in parts if not part.is_large(min_positives))
        slices += parts
        if len(small) > 1:
            rows = np.isin(values, small)
            slices.append(replace(_slice(by, POOLED, labels[rows], scores[rows]), members=small))
    return slices


def quarter_of_day(hours: NDArray[Any]) -> list[str]:
    """Return the quarter of the day of each hour: "00-05", "06-11", "12-17" or "18-23" (UTC).

    Shorter parts would have too few buying sessions per day.
    """
    return [f"{hour // 6 * 6:02d}-{hour // 6 * 6 + 5:02d}" for hour in hours.tolist()]


def without_rare(values: Sequence[str], visitors: Sequence[str], min_visitors: int) -> list[str]:
    """Return the values, with those of fewer than `min_visitors` visitors replaced by "other".

    Args:
        values: of each row.
        visitors: of each row.
        min_visitors: the least number of visitors that a value needs to be named.
    """
    by_value: dict[str, set[str]] = {}
    for value, visitor in zip(values, visitors, strict=True):
        by_value.setdefault(value, set()).add(visitor)
    return [value if len(by_value[value]) >= min_visitors else "other" for value in values]


def delong(labels: Array, scores: Array) -> tuple[float, float]:
    """Return ROC AUC and its variance by the fast version of DeLong's method (Sun and Xu 2014, IEEE SPL 21(11)).

    It takes O(n log n) and assumes independent rows; few visitors have several sessions in one slice.
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
    """Return the 95 % interval, symmetric on the logit scale; None at 0 or 1, or without a variance."""
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
