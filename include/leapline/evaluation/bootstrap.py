"""Intervals by drawing visitors again: one visitor's sessions resemble each other, so they are drawn together.

A draw takes as many visitors as there are, with replacement (Field and Welsh 2007, JRSS B 69(3)), and keeps each
one's sessions as often as he came up. No rows are copied: a draw is a weight for each row, and areas are weighted sums
over scores that were sorted once. Two scores of the same rows are compared on the same draws, so that what both find
hard cancels out.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
LEVEL = 0.95
# Rows times draws held in memory at a time: 32 MB of weights.
_CELLS = 4_000_000


@dataclass(frozen=True)
class Areas:
    """ROC AUC and average precision, each a number or one number a draw."""

    roc_auc: Array
    average_precision: Array


@dataclass(frozen=True)
class Comparison:
    """A candidate's ROC AUC minus another score's, on the same rows.

    Attributes:
        difference: above 0 if the candidate ranks better.
        interval: its 95 % interval; None where the draws give none.
        other: the other score's ROC AUC.
        average_precision_difference: the same of average precision.
        average_precision_interval: its 95 % interval.
    """

    difference: float
    interval: tuple[float, float] | None
    other: float
    average_precision_difference: float
    average_precision_interval: tuple[float, float] | None

    def as_dict(self) -> dict[str, Any]:
        """For a JSON file."""
        return asdict(self)


class Ranking:
    """One score's order of the rows, for areas under any weights.

    Args:
        labels: 0 or 1, shape (n,), both present.
        scores: shape (n,), finite.
    """

    def __init__(self, labels: Array, scores: Array) -> None:
        self.order = np.argsort(-scores, kind="stable")
        ranked = scores[self.order]
        ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
        group = np.searchsorted(ends, np.arange(len(ranked)))
        self.positive = np.flatnonzero(labels[self.order] == 1)
        of_positive = group[self.positive]
        # Each buyer's group of equal scores: where it ends, and where the one before it ends, among all and buyers.
        self.end, self.start = ends[of_positive], np.where(of_positive > 0, ends[of_positive - 1], -1)
        self.positive_end = np.searchsorted(of_positive, of_positive, side="right") - 1
        self.positive_start = np.searchsorted(of_positive, of_positive, side="left") - 1

    def areas(self, weights: Array) -> Areas:
        """Areas under each row of weights, shape (draws, n); NaN where a draw has but one class."""
        ranked = weights[:, self.order]
        buyers = ranked[:, self.positive]
        seen, found = _from_zero(np.cumsum(ranked, axis=1)), _from_zero(np.cumsum(buyers, axis=1))
        seen_end, found_end = seen[:, self.end + 1], found[:, self.positive_end + 1]
        above = seen_end - found_end + seen[:, self.start + 1] - found[:, self.positive_start + 1]
        positives = found[:, -1]
        negatives = seen[:, -1] - positives
        with np.errstate(divide="ignore", invalid="ignore"):
            below = (buyers * (negatives[:, None] - above / 2)).sum(axis=1) / (positives * negatives)
            # A buyer that was not drawn weighs nothing, whatever 0/0 his precision is.
            precision = np.divide(found_end, seen_end, out=np.zeros_like(found_end), where=seen_end > 0)
            return Areas(below, (buyers * precision).sum(axis=1) / positives)


def draw_areas(labels: Array, scores: Sequence[Array], visitors: NDArray[Any], *, draws: int, seed: int) -> list[Areas]:
    """Areas of several scores on the same draws.

    Args:
        labels: 0 or 1, shape (n,), both present.
        scores: each of shape (n,), finite.
        visitors: whose row it is, shape (n,).
        draws: how many times to draw.
        seed: the same seed, rows and order give the same draws.

    Returns:
        One `Areas` a score, with arrays of shape (draws,).
    """
    names, cluster = np.unique(visitors, return_inverse=True)
    rankings = [Ranking(labels, column) for column in scores]
    rng = np.random.default_rng(seed)
    at_once = max(1, _CELLS // max(len(labels), 1))
    parts: list[list[Areas]] = [[] for _ in rankings]
    for start in range(0, draws, at_once):
        counts = _counts(rng, len(names), min(at_once, draws - start))
        weights = counts[:, cluster]
        for ranking, part in zip(rankings, parts, strict=True):
            part.append(ranking.areas(weights))
    return [_joined(part) for part in parts]


def compare(
    labels: Array, candidate: Array, other: Array, visitors: NDArray[Any], *, draws: int, seed: int
) -> Comparison | None:
    """Hold two scores of the same rows against each other; None where only one class is there or a score is missing."""
    if len(np.unique(labels)) < 2 or not (np.isfinite(candidate).all() and np.isfinite(other).all()):
        return None
    ones = np.ones((1, len(labels)))
    mine, theirs = (Ranking(labels, column).areas(ones) for column in (candidate, other))
    drawn, drawn_theirs = draw_areas(labels, [candidate, other], visitors, draws=draws, seed=seed)
    area = float(mine.roc_auc[0] - theirs.roc_auc[0])
    precision = float(mine.average_precision[0] - theirs.average_precision[0])
    return Comparison(
        difference=area,
        interval=plain_interval(area, drawn.roc_auc - drawn_theirs.roc_auc),
        other=float(theirs.roc_auc[0]),
        average_precision_difference=precision,
        average_precision_interval=plain_interval(precision, drawn.average_precision - drawn_theirs.average_precision),
    )


def plain_interval(value: float, drawn: Array, level: float = LEVEL) -> tuple[float, float] | None:
    """`value` and as many standard deviations of its draws to either side as the normal distribution asks for."""
    finite = drawn[np.isfinite(drawn)]
    if len(finite) < 2:
        return None
    half = _quantile(level) * float(finite.std(ddof=1))
    return value - half, value + half


def logit_interval(value: float, drawn: Array, level: float = LEVEL) -> tuple[float, float] | None:
    """The same on the logit scale, so that it stays within (0, 1); None at 0 and 1, where that scale ends."""
    inside = drawn[(drawn > 0) & (drawn < 1)]
    if not 0 < value < 1 or len(inside) < 2:
        return None
    centre, half = logit(value), _quantile(level) * float(np.log(inside / (1 - inside)).std(ddof=1))
    return expit(centre - half), expit(centre + half)


def logit(share: float) -> float:
    """Logarithm of the odds."""
    return math.log(share / (1 - share))


def expit(value: float) -> float:
    """The share whose odds have that logarithm."""
    return 1 / (1 + math.exp(-value))


def _counts(rng: np.random.Generator, visitors: int, draws: int) -> Array:
    """How often each visitor came up in each draw, shape (draws, visitors)."""
    picked = rng.integers(visitors, size=(draws, visitors))
    picked += np.arange(draws)[:, None] * visitors
    return np.bincount(picked.ravel(), minlength=draws * visitors).reshape(draws, visitors).astype(np.float64)


def _from_zero(sums: Array) -> Array:
    """Running sums with the empty one before them."""
    return np.concatenate([np.zeros((len(sums), 1)), sums], axis=1)


def _joined(parts: Sequence[Areas]) -> Areas:
    return Areas(np.concatenate([p.roc_auc for p in parts]), np.concatenate([p.average_precision for p in parts]))


def _quantile(level: float) -> float:
    return NormalDist().inv_cdf(0.5 + level / 2)
