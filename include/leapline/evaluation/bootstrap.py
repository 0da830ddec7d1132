"""Confidence intervals by the cluster bootstrap: visitors are resampled, since the sessions of one are correlated.

A resample takes as many visitors as there are, with replacement (Field and Welsh 2007, JRSS B 69(3)), and weights each
one's sessions by how often the visitor was taken. No rows are copied: a resample is a vector of row weights, and areas
are weighted sums over scores that are sorted once. Two scores of the same rows are compared on the same resamples, so
that what is difficult for both cancels out.

The fewer visitors the rows stand for in effect, the less certain is the spread of the resamples itself: intervals use
Student's t with the effective number of visitors minus 1 as degrees of freedom, and there is none below 2.
docs/decisions/0033-luck.md has the coverage with and without it.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leapline.evaluation.effective_size import effective_size

Array = NDArray[np.float64]
LEVEL = 0.95
CELLS_IN_MEMORY = 4_000_000
"""Rows times resamples held in memory at a time: 32 MB of weights."""
MIN_EFFECTIVE = 2.0
"""With fewer visitors in effect there is no interval."""
_MIN_USABLE = 0.95
"""Minimum share of resamples with a value: without the others, the spread of the rest would be too small."""


@dataclass(frozen=True)
class Areas:
    """ROC AUC and average precision, one of each per resample; shape (resamples,)."""

    roc_auc: Array
    average_precision: Array


@dataclass(frozen=True)
class Comparison:
    """The candidate's metrics minus those of another score of the same rows.

    Attributes:
        difference: of ROC AUC; positive if the candidate ranks better.
        interval: 95 % interval of the difference; None if the resamples do not yield one.
        other: ROC AUC of the other score.
        average_precision_difference: of average precision.
        average_precision_interval: 95 % interval of the difference of average precision.
    """

    difference: float
    interval: tuple[float, float] | None
    other: float
    average_precision_difference: float
    average_precision_interval: tuple[float, float] | None

    def as_dict(self) -> dict[str, Any]:
        """Return the content of the JSON file."""
        return asdict(self)


class Ranking:
    """Rows sorted by one score, for areas under any row weights.

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
        # For each positive, the last row of its group of tied scores and of the group before, among all rows and
        # among the positives.
        self.end, self.start = ends[of_positive], np.where(of_positive > 0, ends[of_positive - 1], -1)
        self.positive_end = np.searchsorted(of_positive, of_positive, side="right") - 1
        self.positive_start = np.searchsorted(of_positive, of_positive, side="left") - 1

    def areas(self, weights: Array) -> Areas:
        """Compute the areas under each vector of row weights.

        Args:
            weights: shape (resamples, n), not negative.

        Returns:
            Areas of shape (resamples,); NaN where only one class has weight.
        """
        ranked = weights[:, self.order]
        positive = ranked[:, self.positive]
        total, true = _cumulative(ranked), _cumulative(positive)
        total_end, true_end = total[:, self.end + 1], true[:, self.positive_end + 1]
        # Twice the weight of the negatives above each positive, ties counted half.
        above = total_end - true_end + total[:, self.start + 1] - true[:, self.positive_start + 1]
        positives = true[:, -1]
        negatives = total[:, -1] - positives
        with np.errstate(divide="ignore", invalid="ignore"):
            below = (positive * (negatives[:, None] - above / 2)).sum(axis=1) / (positives * negatives)
            # A positive without weight contributes nothing, so its precision 0/0 does not matter.
            precision = np.divide(true_end, total_end, out=np.zeros_like(true_end), where=total_end > 0)
            return Areas(below, (positive * precision).sum(axis=1) / positives)


def bootstrap_areas(
    labels: Array, scores: Sequence[Array], visitors: NDArray[Any], *, resamples: int, seed: int
) -> list[Areas]:
    """Compute the areas of several scores on the same resamples.

    Args:
        labels: 0 or 1, shape (n,), both present.
        scores: each of shape (n,), finite.
        visitors: the visitor of each row, shape (n,).
        resamples: their number.
        seed: the same seed, rows and order of rows yield the same resamples.

    Returns:
        One `Areas` per score, with arrays of shape (resamples,).
    """
    names, cluster = np.unique(visitors, return_inverse=True)
    rankings = [Ranking(labels, column) for column in scores]
    rng = np.random.default_rng(seed)
    batch = max(1, CELLS_IN_MEMORY // max(len(labels), 1))
    parts: list[list[Areas]] = [[] for _ in rankings]
    for start in range(0, resamples, batch):
        counts = visitor_counts(rng, len(names), min(batch, resamples - start))
        weights = counts[:, cluster]
        for ranking, part in zip(rankings, parts, strict=True):
            part.append(ranking.areas(weights))
    return [_concatenate(part) for part in parts]


def compare(
    labels: Array, candidate: Array, other: Array, visitors: NDArray[Any], *, resamples: int, seed: int
) -> Comparison | None:
    """Compare two scores of the same rows; None if only one class is present or a score is missing."""
    if len(np.unique(labels)) < 2 or not (np.isfinite(candidate).all() and np.isfinite(other).all()):
        return None
    ones = np.ones((1, len(labels)))
    first, second = (Ranking(labels, column).areas(ones) for column in (candidate, other))
    first_resampled, second_resampled = bootstrap_areas(
        labels, [candidate, other], visitors, resamples=resamples, seed=seed
    )
    effective = effective_size(labels, visitors).smaller
    area = float(first.roc_auc[0] - second.roc_auc[0])
    precision = float(first.average_precision[0] - second.average_precision[0])
    return Comparison(
        difference=area,
        interval=normal_interval(area, first_resampled.roc_auc - second_resampled.roc_auc, effective),
        other=float(second.roc_auc[0]),
        average_precision_difference=precision,
        average_precision_interval=normal_interval(
            precision, first_resampled.average_precision - second_resampled.average_precision, effective
        ),
    )


def normal_interval(
    value: float, resampled: Array, effective: float = math.inf, level: float = LEVEL
) -> tuple[float, float] | None:
    """Return the interval around a value, with the standard deviation of its resampled values.

    Args:
        value: the centre.
        resampled: one value per resample; NaN where there is none.
        effective: effective number of visitors in the smaller class, for the quantile.
        level: of the interval.

    Returns:
        None with fewer than `MIN_EFFECTIVE` visitors, or if too many resamples have no value.
    """
    finite = resampled[np.isfinite(resampled)]
    if not is_usable(finite, resampled, effective):
        return None
    half = quantile(0.5 + level / 2, effective) * float(finite.std(ddof=1))
    return value - half, value + half


def logit_interval(
    value: float, resampled: Array, effective: float = math.inf, level: float = LEVEL
) -> tuple[float, float] | None:
    """Return the interval on the logit scale, which stays within (0, 1); None at 0 and 1. See `normal_interval`."""
    inside = resampled[(resampled > 0) & (resampled < 1)]
    if not 0 < value < 1 or not is_usable(inside, resampled, effective):
        return None
    centre, half = logit(value), quantile(0.5 + level / 2, effective) * float(np.log(inside / (1 - inside)).std(ddof=1))
    return expit(centre - half), expit(centre + half)


def lower_bound(value: float, interval: tuple[float, float], effective: float, confidence: float) -> float | None:
    """Return the one-sided lower confidence bound that belongs to an interval of `logit_interval`.

    Args:
        value: the centre of the interval.
        interval: with the level `LEVEL`.
        effective: effective number of visitors, as for the interval.
        confidence: of the bound, at least 0.5.

    Returns:
        None where the logit scale has no such number.
    """
    low, _ = interval
    if not 0 < low <= value < 1 or effective < MIN_EFFECTIVE:
        return None
    share = quantile(confidence, effective) / quantile(0.5 + LEVEL / 2, effective)
    return expit(logit(value) - share * (logit(value) - logit(low)))


def quantile(probability: float, effective: float) -> float:
    """Return the quantile of Student's t with `effective` - 1 degrees of freedom; of the normal one if infinite."""
    from scipy.special import ndtri, stdtrit

    return float(stdtrit(effective - 1, probability) if math.isfinite(effective) else ndtri(probability))


def logit(share: float) -> float:
    """Return the logarithm of the odds of a share."""
    return math.log(share / (1 - share))


def expit(value: float) -> float:
    """Return the share whose odds have that logarithm."""
    return 1 / (1 + math.exp(-value))


def is_usable(kept: Array, resampled: Array, effective: float) -> bool:
    """Return whether an interval can be computed from the resamples that have a value.

    Args:
        kept: the values.
        resampled: all resamples.
        effective: effective number of visitors.
    """
    return len(kept) >= max(2, _MIN_USABLE * len(resampled)) and effective >= MIN_EFFECTIVE


def visitor_counts(rng: np.random.Generator, visitors: int, resamples: int) -> Array:
    """Return how often each resample contains each visitor, shape (resamples, visitors)."""
    picked = rng.integers(visitors, size=(resamples, visitors))
    picked += np.arange(resamples)[:, None] * visitors
    return np.bincount(picked.ravel(), minlength=resamples * visitors).reshape(resamples, visitors).astype(np.float64)


def _cumulative(weights: Array) -> Array:
    """Return the cumulative sums along each row, with a leading 0."""
    return np.concatenate([np.zeros((len(weights), 1)), np.cumsum(weights, axis=1)], axis=1)


def _concatenate(parts: Sequence[Areas]) -> Areas:
    return Areas(np.concatenate([p.roc_auc for p in parts]), np.concatenate([p.average_precision for p in parts]))
