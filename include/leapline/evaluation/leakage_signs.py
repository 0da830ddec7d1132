"""The value of a feature whose sessions buy most certainly: the sign of a partial leak."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from leapline.evaluation.bootstrap import Array
from leapline.formatting import number

if TYPE_CHECKING:
    import pandas as pd

MIN_SHARE: Final = 0.05
"""Values that fewer of the buyers share are no sign: a leak of so few buyers hardly changes a model."""
_Z: Final = 1.959964


@dataclass(frozen=True)
class Holdout:
    """The sessions that are measured.

    Attributes:
        labels: of whole sessions, shape (n,).
        prefix_labels: of prefixes, shape (m,).
        paired: whether a session has prefixes, shape (n,).
        whole, prefixes: their rows.
        min_visitors: the least number of visitors that a single value needs to be named.
    """

    labels: Array
    prefix_labels: Array
    paired: NDArray[np.bool_]
    whole: "pd.DataFrame"
    prefixes: "pd.DataFrame"
    min_visitors: int


@dataclass(frozen=True)
class Sign:
    """A value or a range of values.

    Attributes:
        text: which one ("at least 4").
        sessions, buyers: that have it.
        certainty: share of buyers among them, lower end of the 95 % interval (Wilson); 0 with too few buyers.
        in_whole, in_prefixes: whether each session, and each prefix, has it.
    """

    text: str
    sessions: int
    buyers: int
    certainty: float
    in_whole: NDArray[np.bool_]
    in_prefixes: NDArray[np.bool_]


def has_both(labels: Array) -> bool:
    """Return whether there are both classes."""
    return bool(len(labels)) and 0 < labels.sum() < len(labels)


def number_sign(holdout: Holdout, numbers: Array, prefix_numbers: Array) -> Sign:
    """Return the range of a number, open at one end or a single value, whose sessions buy most certainly."""
    values, group = np.unique(numbers, return_inverse=True)
    sessions, buyers = np.bincount(group), np.bincount(group, holdout.labels)
    up, down = np.cumsum(sessions), np.cumsum(buyers)
    ranges = {
        "at most": (up, down),
        "at least": (up[-1] - up + sessions, down[-1] - down + buyers),
        "exactly": (sessions, buyers),
    }
    bounds = {words: _certainties(holdout, *counts) for words, counts in ranges.items()}
    words = max(bounds, key=lambda name: float(bounds[name].max()))
    place = int(bounds[words].argmax())
    limit = values[place]
    test = {"at most": np.less_equal, "at least": np.greater_equal, "exactly": np.equal}[words]
    in_whole, in_prefixes = test(numbers, limit), test(prefix_numbers, limit)
    text = "missing" if limit == -np.inf else f"{words} {_rounded(float(limit))}"
    return _described(holdout, text, float(bounds[words][place]), in_whole, in_prefixes)


def category_sign(holdout: Holdout, name: str) -> Sign:
    """Return the category whose sessions buy most certainly; it is named if enough visitors have it."""
    texts, prefix_texts = (part[name].fillna("").astype(str) for part in (holdout.whole, holdout.prefixes))
    values, group = np.unique(texts.to_numpy(str), return_inverse=True)
    bounds = _certainties(holdout, np.bincount(group), np.bincount(group, holdout.labels))
    value = str(values[int(bounds.argmax())])
    in_whole, in_prefixes = ((part == value).to_numpy() for part in (texts, prefix_texts))
    return _described(holdout, f"exactly {value!r}", float(bounds.max()), in_whole, in_prefixes)


def _described(
    holdout: Holdout, text: str, certainty: float, in_whole: NDArray[np.bool_], in_prefixes: NDArray[np.bool_]
) -> Sign:
    """Return a sign; a single value that few visitors have is not named, since reports contain it."""
    visitors = holdout.whole["visitor"][in_whole]
    if text.startswith("exactly") and visitors.nunique(dropna=False) < holdout.min_visitors:
        text = "a value of few visitors"
    buyers = int(holdout.labels[in_whole].sum())
    return Sign(text, int(in_whole.sum()), buyers, certainty, in_whole, in_prefixes)


def _rounded(value: float) -> str:
    """Return a number with three significant digits: a limit describes a range, not a session's value."""
    return number(float(f"{value:.3g}"))


def _certainties(holdout: Holdout, sessions: NDArray[Any], buyers: NDArray[Any]) -> Array:
    """Return the lower ends of the 95 % intervals of shares of buyers; 0 for those with too few buyers."""
    share = buyers / sessions
    square = _Z**2
    half = _Z * np.sqrt(share * (1 - share) / sessions + square / (4 * sessions**2))
    lower = (share + square / (2 * sessions) - half) / (1 + square / sessions)
    return np.asarray(np.where(buyers >= MIN_SHARE * holdout.labels.sum(), lower, 0.0))
