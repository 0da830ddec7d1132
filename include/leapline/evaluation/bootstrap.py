"""Confidence intervals by the cluster bootstrap: visitors are resampled, since the sessions of one are correlated.

A resample takes as many visitors as there are, with replacement (Field and Welsh 2007, JRSS B 69(3)), and weights each
one's sessions by how often the visitor was taken. No rows are copied: a resample is a vector of the visitors' weights,
and areas are weighted sums over scores that are sorted once. Two scores of the same rows are compared on the same
resamples, so that what is difficult for both cancels out.

The fewer visitors the rows stand for in effect, the less certain is the spread of the resamples itself: intervals use
Student's t with the effective number of visitors minus 1 as degrees of freedom, and there is none below 2.
docs/decisions/0033-luck.md has the coverage with and without it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leapline.evaluation.effective_size import effective_size

Array = NDArray[np.float64]
LEVEL = 0.95
CELLS_IN_MEMORY = 4_000_000
"""Visitors times resamples held in memory at a time: 32 MB of weights."""
MIN_EFFECTIVE = 2.0
"""With fewer visitors in effect there is no interval."""
_LEAST_BATCH = 8
"""Resamples that are computed at a time even if they are larger."""
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
    """Rows sorted by one score, for areas under any weights of the rows.

    Areas depend on the negatives' weights through sums alone: above each positive, and tied with it. Rows are therefore
    divided into segments between the groups of tied scores that contain a positive. The weights of segments are a
    product with a sparse matrix, which adds up a row for all resamples at a time.

    Args:
        labels: 0 or 1, shape (n,), both present.
        scores: shape (n,), finite.
        cluster: number of each row's cluster, shape (n,), from 0 without gaps; rows of a cluster have the same weight.
            Each row is a cluster of its own if None.
    """

    def __init__(self, labels: Array, scores: Array, cluster: NDArray[np.intp] | None = None) -> None:
        from scipy.sparse import csr_array

        order = np.argsort(-scores, kind="stable")
        ranked, clusters = scores[order], order if cluster is None else cluster[order]
        positive = np.flatnonzero(labels[order] == 1)
        ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
        # For each positive, the number of its group of tied scores among the groups with positives.
        groups, self._group = np.unique(np.searchsorted(ends, positive), return_inverse=True)
        self._positive, self._last = (
            clusters[positive],
            np.searchsorted(self._group, np.arange(len(groups)), "right") - 1,
        )
        # Segments with even numbers precede a group, the next one is the group; the last one follows all groups.
        bounds = np.stack([np.where(groups > 0, ends[groups - 1], -1), ends[groups]], axis=1).ravel()
        segment = np.searchsorted(bounds, np.arange(len(order)))
        shape = (len(bounds) + 1, int(clusters.max()) + 1)
        self._segments = csr_array((np.ones(len(order)), (segment, clusters)), shape=shape)

    def areas(self, weights: Array) -> Areas:
        """Compute the areas under each vector of weights.

        Args:
            weights: shape (resamples, clusters), not negative; fastest if it is the transpose of a contiguous array.

        Returns:
            Areas of shape (resamples,); NaN where only one class has weight.
        """
        columns = np.ascontiguousarray(weights.T)
        total = np.cumsum(self._segments @ columns, axis=0)
        positive = columns[self._positive]
        true = np.cumsum(positive, axis=0)[self._last]
        true_start = np.concatenate([np.zeros((1, true.shape[1])), true[:-1]])
        total_end, true_end = total[1::2][self._group], true[self._group]
        # Twice the weight of the negatives above each positive, ties counted half.
        above = (total[1::2] - true + total[:-1:2] - true_start)[self._group]
        positives = true[-1]
        negatives = total[-1] - positives
        with np.errstate(divide="ignore", invalid="ignore"):
            below = _sum(positive * (negatives - above / 2)) / (positives * negatives)
            # A positive without weight contributes nothing, so its precision 0/0 does not matter.
            precision = np.divide(true_end, total_end, out=np.zeros_like(true_end), where=total_end > 0)
            return Areas(below, _sum(positive * precision) / positives)


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
    rankings = [Ranking(labels, column, cluster) for column in scores]
    parts: list[list[Areas]] = [[] for _ in rankings]
    for weights in visitor_weights(len(names), resamples, seed):
        for ranking, part in zip(rankings, parts, strict=True):
            part.append(ranking.areas(weights))
    return [_concatenate(part) for part in parts]


def compare(
    labels: Array,
    candidate: Array,
    other: Array,
    visitors: NDArray[Any],
    *,
    resamples: int,
    seed: int,
    areas: tuple[Areas, Areas] | None = None,
) -> Comparison | None:
    """Compare two scores of the same rows; None if only one class is present or a score is missing.

    Args:
        labels, candidate, other, visitors, resamples, seed: as of `bootstrap_areas`.
        areas: its result for both scores; computed if None.
    """
    if len(np.unique(labels)) < 2 or not (np.isfinite(candidate).all() and np.isfinite(other).all()):
        return None
    ones = np.ones((1, len(labels)))
    first, second = (Ranking(labels, column).areas(ones) for column in (candidate, other))
    first_resampled, second_resampled = areas or bootstrap_areas(
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


def visitor_weights(visitors: int, resamples: int, seed: int) -> Iterator[Array]:
    """Yield how often each resample contains each visitor, in batches of shape (resamples, visitors).

    A batch is the transpose of a contiguous array. The resamples do not depend on the size of the batches.
    """
    rng = np.random.default_rng(seed)
    batch = max(_LEAST_BATCH, CELLS_IN_MEMORY // max(visitors, 1))
    for start in range(0, resamples, batch):
        counts = np.empty((visitors, min(batch, resamples - start)))
        for column in counts.T:
            column[:] = np.bincount(rng.integers(visitors, size=visitors), minlength=visitors)
        yield counts.T


def _sum(terms: Array) -> Array:
    """Return the sums of the columns.

    Several columns add up row by row, so that the last bit does not depend on their number, as that of NumPy's `sum`
    does; a single one adds up in pairs, which is more precise.
    """
    return np.asarray(np.cumsum(terms, axis=0)[-1] if terms.shape[1] > 1 else terms.sum(axis=0), dtype=np.float64)


def _concatenate(parts: Sequence[Areas]) -> Areas:
    return Areas(np.concatenate([p.roc_auc for p in parts]), np.concatenate([p.average_precision for p in parts]))
