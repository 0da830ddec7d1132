"""Signs of label leakage in the holdout: features that know the purchase instead of predicting it.

A leak is rarely complete. A page after the purchase whose name the event mapping does not know, for example, is seen by
part of the buyers only, or it only prolongs a duration. Three measurements per feature show most of them:

* its ROC AUC alone, on whole sessions: what people do before a purchase does not rank them almost without error. A rule
  uses the lower end of its one-sided 95 % interval (DeLong), so that a few buyers prove nothing;
* its certainty: the largest share of buyers among the sessions that share a value, or a range of values, of the
  feature, as the lower end of a 95 % interval (Wilson 1927);
* its persistence: how much of its ROC AUC above chance is left on prefixes of the same sessions, as the upper end of a
  one-sided 95 % interval. A page after the purchase is in no prefix, while honest signs build up.

Besides features, the numbers of events per state (`operations.STATES`) are measured, so that an unmapped page is named
even if features contain it only in a duration, and the baseline's score, which depends on the order of states.
docs/decisions/0031-label-leakage.md has the measurements.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from leapline.evaluation.bootstrap import Array
from leapline.evaluation.slices import delong
from leapline.formatting import number

if TYPE_CHECKING:
    import pandas as pd

MAX_SESSIONS: Final = 100_000
"""Larger holdouts are sampled: more sessions would not change a figure that a rule depends on."""
MIN_SHARE: Final = 0.05
"""Values that fewer of the buyers share are no sign: a leak of so few buyers hardly changes a model."""
MIN_RANKED: Final = 20
"""Values of categories with fewer sessions are ranked as one value, since their shares of buyers are noise."""
_Z, _Z_ONE_SIDED = 1.959964, 1.644854


@dataclass(frozen=True)
class FeatureLeakage:
    """The measurements of one feature.

    Attributes:
        name: of the feature; "events: other_page" for the number of events of a state.
        roc_auc: of the feature alone on whole sessions, in the better of both directions.
        roc_auc_low: lower end of its interval.
        prefix_roc_auc: on prefixes of the sessions, in the same direction; None without prefixes of both classes.
        persistence: share of the ROC AUC above 0.5 that is left on prefixes, upper end of its interval; None likewise.
        sign: the value, or range of values, whose sessions buy most certainly ("at least 4").
        sign_sessions, sign_buyers: how many sessions, and buying sessions, have the sign.
        certainty: share of buying sessions among these, lower end of its interval; 0 without a sign.
        sign_in_prefixes: share of the prefixes of these buying sessions that already have the sign; None without any.
    """

    name: str
    roc_auc: float
    roc_auc_low: float
    prefix_roc_auc: float | None
    persistence: float | None
    sign: str
    sign_sessions: int
    sign_buyers: int
    certainty: float
    sign_in_prefixes: float | None


@dataclass(frozen=True)
class Leakage:
    """The measurements of a holdout.

    Attributes:
        sessions, buyers: whole sessions that were measured, and those of them that buy.
        prefixes, buying_prefixes: prefixes of these sessions.
        roc_auc, prefix_roc_auc: of the model on the sessions that have prefixes, and on the prefixes; None without both
            classes.
        features: of each feature, the highest ROC AUC first.
    """

    sessions: int
    buyers: int
    prefixes: int
    buying_prefixes: int
    roc_auc: float | None
    prefix_roc_auc: float | None
    features: tuple[FeatureLeakage, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the content of the JSON file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Leakage":
        """Return the object from the content of its JSON file."""
        return cls(**{**content, "features": tuple(FeatureLeakage(**row) for row in content["features"])})


def measure(
    examples: "pd.DataFrame", features: Sequence[str], *, min_visitors: int, seed: int, score: str = "score"
) -> Leakage:
    """Measure the features of a holdout.

    Args:
        examples: one row per example with `session`, `visitor`, `whole`, `label`, the model's score and the features,
            of which numbers may be missing.
        features: columns to measure; texts are categories.
        min_visitors: the least number of visitors that a category needs to be named.
        seed: of the sample.
        score: column of the model's score.
    """
    whole, prefixes = _sampled(examples, seed)
    labels, prefix_labels = (part["label"].to_numpy(float) for part in (whole, prefixes))
    paired = whole["session"].isin(set(prefixes["session"])).to_numpy()
    context = _Context(labels, prefix_labels, paired, whole, prefixes, min_visitors)
    rows = [_measure(context, name) for name in features] if _has_both(labels) else []
    model = _persistence(context, *_numbers(context, score)) if score in whole else (None, None, None)
    return Leakage(
        sessions=len(whole),
        buyers=int(labels.sum()),
        prefixes=len(prefixes),
        buying_prefixes=int(prefix_labels.sum()),
        roc_auc=model[0],
        prefix_roc_auc=model[1],
        features=tuple(sorted(rows, key=lambda row: (-row.roc_auc, row.name))),
    )


def with_state_counts(examples: "pd.DataFrame", column: str, states: Sequence[str]) -> "tuple[pd.DataFrame, list[str]]":
    """Return the examples with the number of events of each state instead of the states, and the new columns.

    Args:
        examples: with `column`.
        column: the states in order as letters, `a` for the first of `states`.
        states: their names.
    """
    texts = examples[column].astype(str)
    counts = {f"events: {name}": texts.str.count(chr(ord("a") + n)).astype(float) for n, name in enumerate(states)}
    return examples.drop(columns=column).assign(**counts), list(counts)


@dataclass(frozen=True)
class _Context:
    labels: Array
    prefix_labels: Array
    paired: NDArray[np.bool_]
    whole: "pd.DataFrame"
    prefixes: "pd.DataFrame"
    min_visitors: int


@dataclass(frozen=True)
class _Sign:
    text: str
    sessions: int
    buyers: int
    certainty: float
    in_whole: NDArray[np.bool_]
    in_prefixes: NDArray[np.bool_]


def _sampled(examples: "pd.DataFrame", seed: int) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Return whole sessions, at most `MAX_SESSIONS` of them, and their prefixes."""
    whole, prefixes = examples[examples["whole"]], examples[~examples["whole"].astype(bool)]
    if len(whole) > MAX_SESSIONS:
        rows = np.sort(np.random.default_rng(seed).choice(len(whole), MAX_SESSIONS, replace=False))
        whole = whole.iloc[rows]
        prefixes = prefixes[prefixes["session"].isin(set(whole["session"]))]
    return whole, prefixes


def _measure(context: _Context, name: str) -> FeatureLeakage:
    numbers, prefix_numbers = _numbers(context, name)
    sign = _category_sign(context, name) if _is_category(context, name) else _sign(context, numbers, prefix_numbers)
    roc_auc, variance = delong(context.labels, numbers)
    error = _Z_ONE_SIDED * float(np.sqrt(variance))
    _, prefix_roc_auc, persistence = _persistence(context, numbers, prefix_numbers, downwards=roc_auc < 0.5)
    buying = set(context.whole["session"].to_numpy()[sign.in_whole & (context.labels == 1)])
    of_buying = context.prefixes["session"].isin(buying).to_numpy()
    return FeatureLeakage(
        name=name,
        roc_auc=max(roc_auc, 1 - roc_auc),
        roc_auc_low=max(roc_auc, 1 - roc_auc) - error,
        prefix_roc_auc=prefix_roc_auc,
        persistence=persistence,
        sign=sign.text,
        sign_sessions=sign.sessions,
        sign_buyers=sign.buyers,
        certainty=sign.certainty,
        sign_in_prefixes=float(sign.in_prefixes[of_buying].mean()) if of_buying.any() else None,
    )


def _is_category(context: _Context, name: str) -> bool:
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    column = context.whole[name]
    return not (is_numeric_dtype(column) or is_bool_dtype(column))


def _numbers(context: _Context, name: str) -> tuple[Array, Array]:
    """Return a feature as numbers that can be ranked, of sessions and of prefixes; missing ones come first."""
    columns = context.whole[name], context.prefixes[name]
    if not _is_category(context, name):
        first, second = (column.to_numpy(float, na_value=np.nan) for column in columns)
        return np.nan_to_num(first, nan=-np.inf, posinf=np.inf), np.nan_to_num(second, nan=-np.inf, posinf=np.inf)
    texts, prefix_texts = (column.fillna("").astype(str) for column in columns)
    sizes = texts.value_counts()
    common = set(sizes[sizes >= MIN_RANKED].index)
    pooled = texts.where(texts.isin(common), "\0")
    shares = context.whole["label"].groupby(pooled.to_numpy()).mean()
    default = float(context.labels.mean())

    def ranked(values: "pd.Series[str]") -> Array:
        return values.where(values.isin(common), "\0").map(shares).fillna(default).to_numpy(float)

    return ranked(texts), ranked(prefix_texts)


def _persistence(
    context: _Context, numbers: Array, prefix_numbers: Array, *, downwards: bool = False
) -> tuple[float | None, float | None, float | None]:
    """Return ROC AUC on the sessions that have prefixes, and on prefixes, and the upper end of the share that is left.

    Args:
        context: the holdout.
        numbers, prefix_numbers: of sessions and prefixes.
        downwards: whether buyers have the lower numbers.
    """
    labels = context.labels[context.paired]
    if not _has_both(labels) or not _has_both(context.prefix_labels):
        return None, None, None
    direction = -1.0 if downwards else 1.0
    whole, _ = delong(labels, direction * numbers[context.paired])
    prefix, variance = delong(context.prefix_labels, direction * prefix_numbers)
    upper = prefix + _Z_ONE_SIDED * float(np.sqrt(np.nan_to_num(variance)))
    return whole, prefix, max(0.0, (upper - 0.5) / (whole - 0.5)) if whole > 0.5 else None


def _sign(context: _Context, numbers: Array, prefix_numbers: Array) -> _Sign:
    """Return the range of a number, open at one end or a single value, whose sessions buy most certainly."""
    values, group = np.unique(numbers, return_inverse=True)
    sessions, buyers = np.bincount(group), np.bincount(group, context.labels)
    up, down = np.cumsum(sessions), np.cumsum(buyers)
    ranges = {
        "at most": (up, down),
        "at least": (up[-1] - up + sessions, down[-1] - down + buyers),
        "exactly": (sessions, buyers),
    }
    bounds = {words: _certainties(context, *counts) for words, counts in ranges.items()}
    words = max(bounds, key=lambda name: float(bounds[name].max()))
    place = int(bounds[words].argmax())
    limit = values[place]
    test = {"at most": np.less_equal, "at least": np.greater_equal, "exactly": np.equal}[words]
    in_whole, in_prefixes = test(numbers, limit), test(prefix_numbers, limit)
    text = "missing" if limit == -np.inf else f"{words} {_rounded(float(limit))}"
    return _described(context, text, float(bounds[words][place]), in_whole, in_prefixes)


def _category_sign(context: _Context, name: str) -> _Sign:
    """Return the category whose sessions buy most certainly; it is named if enough visitors have it."""
    texts, prefix_texts = (part[name].fillna("").astype(str) for part in (context.whole, context.prefixes))
    values, group = np.unique(texts.to_numpy(str), return_inverse=True)
    bounds = _certainties(context, np.bincount(group), np.bincount(group, context.labels))
    value = str(values[int(bounds.argmax())])
    in_whole, in_prefixes = ((part == value).to_numpy() for part in (texts, prefix_texts))
    return _described(context, f"exactly {value!r}", float(bounds.max()), in_whole, in_prefixes)


def _described(
    context: _Context, text: str, certainty: float, in_whole: NDArray[np.bool_], in_prefixes: NDArray[np.bool_]
) -> _Sign:
    """Return a sign; a single value that few visitors have is not named, since reports contain it."""
    visitors = context.whole["visitor"].to_numpy()[in_whole]
    if text.startswith("exactly") and len(np.unique(visitors)) < context.min_visitors:
        text = "a value of few visitors"
    buyers = int(context.labels[in_whole].sum())
    return _Sign(text, int(in_whole.sum()), buyers, certainty, in_whole, in_prefixes)


def _rounded(value: float) -> str:
    """Return a number with three significant digits: a limit describes a range, not a session's value."""
    return number(float(f"{value:.3g}"))


def _certainties(context: _Context, sessions: NDArray[Any], buyers: NDArray[Any]) -> Array:
    """Return the lower ends of the 95 % intervals of shares of buyers; 0 for those with too few buyers."""
    share = buyers / sessions
    square = _Z**2
    half = _Z * np.sqrt(share * (1 - share) / sessions + square / (4 * sessions**2))
    lower = (share + square / (2 * sessions) - half) / (1 + square / sessions)
    return np.asarray(np.where(buyers >= MIN_SHARE * context.labels.sum(), lower, 0.0))


def _has_both(labels: Array) -> bool:
    return bool(len(labels)) and 0 < labels.sum() < len(labels)
