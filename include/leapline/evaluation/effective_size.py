"""How many independent purchases a holdout has in effect.

Sessions of one visitor resemble each other: a holdout in which one visitor has 30 of 60 purchases says little more
about other visitors than one with 31 purchases. Kish's effective sample size, (sum w)^2 / sum w^2 over the visitors'
numbers of purchases w, is the number of visitors with one purchase each that would vary as little: here 3.9.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class EffectiveSize:
    """The number of visitors in a holdout, and how many of them its sessions stand for.

    Attributes:
        visitors: visitors with at least one session.
        positives: effective number of visitors with sessions of label 1; 0 without such a session.
        negatives: the same of label 0.
    """

    visitors: int
    positives: float
    negatives: float

    @property
    def smaller(self) -> float:
        """The smaller one of both classes, which limits how well a ranking can be measured."""
        return min(self.positives, self.negatives)


def effective_size(labels: NDArray[Any], visitors: NDArray[Any]) -> EffectiveSize:
    """Return the effective size of a holdout.

    Args:
        labels: 0 or 1, shape (n,).
        visitors: the visitor of each row, shape (n,).
    """
    names, visitor = np.unique(visitors, return_inverse=True)
    counts = [np.bincount(visitor, weights=weights, minlength=len(names)) for weights in (labels, 1 - labels)]
    positives, negatives = (kish(column.astype(np.float64)) for column in counts)
    return EffectiveSize(len(names), positives, negatives)


def kish(weights: NDArray[np.float64]) -> float:
    """Return (sum w)^2 / sum w^2, rounded to six decimals; 0 if all weights are 0."""
    squares = float((weights**2).sum())
    return round(float(weights.sum()) ** 2 / squares, 6) if squares else 0.0
