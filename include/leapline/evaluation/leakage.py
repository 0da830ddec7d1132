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
from typing import TYPE_CHECKING, Any, Final, overload

import numpy as np

from leapline.evaluation.bootstrap import Array
from leapline.evaluation.leakage_signs import Holdout, category_sign, has_both, number_sign
from leapline.evaluation.slices import delong

if TYPE_CHECKING:
    import pandas as pd

MAX_SESSIONS: Final = 100_000
"""Larger holdouts are sampled: more sessions would not change a figure that a rule depends on."""
MIN_RANKED: Final = 20
"""Values of categories with fewer sessions are ranked as one value, since their shares of buyers are noise."""
_Z_ONE_SIDED: Final = 1.644854


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
    whole, prefixes = sampled(examples, seed)
    labels, prefix_labels = (part["label"].to_numpy(float) for part in (whole, prefixes))
    paired = whole["session"].isin(set(prefixes["session"])).to_numpy()
    holdout = Holdout(labels, prefix_labels, paired, whole, prefixes, min_visitors)
    rows = [_measure(holdout, name) for name in features] if has_both(labels) else []
    model = _persistence(holdout, *_numbers(holdout, score)) if score in whole else (None, None, None)
    return Leakage(
        sessions=len(whole),
        buyers=int(labels.sum()),
        prefixes=len(prefixes),
        buying_prefixes=int(prefix_labels.sum()),
        roc_auc=_round(model[0]),
        prefix_roc_auc=_round(model[1]),
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


def sampled(examples: "pd.DataFrame", seed: int) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Return whole sessions, at most `MAX_SESSIONS` of them, and their prefixes; a sample is its own sample."""
    whole, prefixes = examples[examples["whole"]], examples[~examples["whole"].astype(bool)]
    if len(whole) > MAX_SESSIONS:
        rows = np.sort(np.random.default_rng(seed).choice(len(whole), MAX_SESSIONS, replace=False))
        whole = whole.iloc[rows]
        prefixes = prefixes[prefixes["session"].isin(set(whole["session"]))]
    return whole, prefixes


def _measure(holdout: Holdout, name: str) -> FeatureLeakage:
    numbers, prefix_numbers = _numbers(holdout, name)
    sign = (
        category_sign(holdout, name) if _is_category(holdout, name) else number_sign(holdout, numbers, prefix_numbers)
    )
    roc_auc, variance = delong(holdout.labels, numbers)
    # One buyer has no variance, and proves nothing.
    error = _Z_ONE_SIDED * float(np.sqrt(variance)) if np.isfinite(variance) else 1.0
    _, prefix_roc_auc, persistence = _persistence(holdout, numbers, prefix_numbers, downwards=roc_auc < 0.5)
    buying = set(holdout.whole["session"].to_numpy()[sign.in_whole & (holdout.labels == 1)])
    of_buying = holdout.prefixes["session"].isin(buying).to_numpy()
    return FeatureLeakage(
        name=name,
        roc_auc=_round(max(roc_auc, 1 - roc_auc)),
        roc_auc_low=_round(max(roc_auc, 1 - roc_auc) - error),
        prefix_roc_auc=_round(prefix_roc_auc),
        persistence=_round(persistence),
        sign=sign.text,
        sign_sessions=sign.sessions,
        sign_buyers=sign.buyers,
        certainty=_round(sign.certainty),
        sign_in_prefixes=_round(float(sign.in_prefixes[of_buying].mean())) if of_buying.any() else None,
    )


def _is_category(holdout: Holdout, name: str) -> bool:
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    column = holdout.whole[name]
    return not (is_numeric_dtype(column) or is_bool_dtype(column))


def _numbers(holdout: Holdout, name: str) -> tuple[Array, Array]:
    """Return a feature as numbers that can be ranked, of sessions and of prefixes; missing ones come first."""
    columns = holdout.whole[name], holdout.prefixes[name]
    if not _is_category(holdout, name):
        first, second = (column.to_numpy(float, na_value=np.nan) for column in columns)
        return np.nan_to_num(first, nan=-np.inf, posinf=np.inf), np.nan_to_num(second, nan=-np.inf, posinf=np.inf)
    texts, prefix_texts = (column.fillna("").astype(str) for column in columns)
    sizes = texts.value_counts()
    common = set(sizes[sizes >= MIN_RANKED].index)
    pooled = texts.where(texts.isin(common), "\0")
    shares = holdout.whole["label"].groupby(pooled.to_numpy()).mean()
    default = float(holdout.labels.mean())

    def ranked(values: "pd.Series[str]") -> Array:
        return values.where(values.isin(common), "\0").map(shares).fillna(default).to_numpy(float)

    return ranked(texts), ranked(prefix_texts)


def _persistence(
    holdout: Holdout, numbers: Array, prefix_numbers: Array, *, downwards: bool = False
) -> tuple[float | None, float | None, float | None]:
    """Return ROC AUC on the sessions that have prefixes, and on prefixes, and the upper end of the share that is left.

    Args:
        holdout: the holdout.
        numbers, prefix_numbers: of sessions and prefixes.
        downwards: whether buyers have the lower numbers.
    """
    labels = holdout.labels[holdout.paired]
    if not has_both(labels) or not has_both(holdout.prefix_labels):
        return None, None, None
    direction = -1.0 if downwards else 1.0
    whole, _ = delong(labels, direction * numbers[holdout.paired])
    prefix, variance = delong(holdout.prefix_labels, direction * prefix_numbers)
    upper = prefix + _Z_ONE_SIDED * float(np.sqrt(np.nan_to_num(variance)))
    return whole, prefix, max(0.0, (upper - 0.5) / (whole - 0.5)) if whole > 0.5 else None


@overload
def _round(value: float) -> float: ...
@overload
def _round(value: float | None) -> float | None: ...
def _round(value: float | None) -> float | None:
    """Return a value with six decimals, as archives contain it: it must not depend on a processor's last bit."""
    return None if value is None else round(value, 6)
