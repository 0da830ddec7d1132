"""Ratios of sums with intervals from the same resamples of visitors, and what measurements with intervals share."""

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leapline.evaluation.bootstrap import LEVEL, Array, is_usable, quantile, visitor_weights

Interval = tuple[float, float] | None


def bootstrap_ratios(
    numerators: Array, denominators: Array, visitors: NDArray[Any], *, resamples: int, seed: int
) -> Array:
    """Compute the ratio of two sums over the rows, on each resample.

    Args:
        numerators: of each row, shape (n,).
        denominators: of each row, shape (n,).
        visitors: the visitor of each row, shape (n,).
        resamples: their number.
        seed: the same seed and rows yield the same resamples, in any order of the rows.

    Returns:
        Shape (resamples,); not finite where the denominators of a resample add up to 0.
    """
    names, cluster = np.unique(visitors, return_inverse=True)
    sums = np.stack([np.bincount(cluster, column, len(names)) for column in (numerators, denominators)], axis=1)
    totals = np.concatenate([weights @ sums for weights in visitor_weights(len(names), resamples, seed)])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(totals[:, 0] / totals[:, 1], dtype=np.float64)


def log_interval(value: float, resampled: Array, effective: float = math.inf, level: float = LEVEL) -> Interval:
    """Return the interval on the logarithmic scale, for a positive ratio.

    Args:
        value: the centre.
        resampled: one value per resample.
        effective: effective number of visitors in the denominator, for the quantile.
        level: of the interval.

    Returns:
        None at 0 and infinity, with fewer than `MIN_EFFECTIVE` visitors, or with too few resamples.
    """
    positive = resampled[np.isfinite(resampled) & (resampled > 0)]
    if not 0 < value < math.inf or not is_usable(positive, resampled, effective):
        return None
    factor = math.exp(quantile(0.5 + level / 2, effective) * float(np.log(positive).std(ddof=1)))
    return value / factor, value * factor


def field_values(kind: type[Any], content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a data class from the content of its JSON file, with intervals as tuples.

    Raises:
        KeyError: a field is missing.
    """
    values = {entry.name: content[entry.name] for entry in fields(kind)}
    return values | {name: tuple(value) for name, value in values.items() if name.endswith("interval") and value}


def rounded(bounds: Interval) -> Interval:
    """Return both ends with six decimals: they are in the archive, which must not depend on a processor's last bit."""
    return bounds and (round(bounds[0], 6), round(bounds[1], 6))
