"""How good a model is on sessions that it has not seen.

A metric that cannot be computed is None with a reason, never an exception and never a number: the verdict decides
what a missing number means."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
CURVE_POINTS = 400
# Smallest probability in a logarithm: log loss stays finite, and a sure but wrong forecast is costly all the same.
_EPSILON = 1e-12


@dataclass(frozen=True)
class Metrics:
    """Numbers of one model on one holdout.

    Attributes:
        examples: rows judged on.
        positives: those with label 1.
        prevalence: positives / examples.
        roc_auc: area under the ROC curve: the chance that a buyer scores above a non-buyer.
        roc_auc_interval: its 95 % confidence interval (DeLong, on the logit scale).
        average_precision: area under the precision-recall curve, as a step function.
        log_loss: mean negative log likelihood of the calibrated probabilities, natural logarithm.
        base_log_loss: the same of a forecast that always gives the holdout's prevalence.
        brier: mean squared error of the calibrated probabilities.
        distinct_scores: how many different scores there are.
        invalid_scores: how many scores are not a number in [0, 1].
        missing: metric -> why it could not be computed.
    """

    examples: int
    positives: int
    prevalence: float | None
    roc_auc: float | None
    roc_auc_interval: tuple[float, float] | None
    average_precision: float | None
    log_loss: float | None
    base_log_loss: float | None
    brier: float | None
    distinct_scores: int
    invalid_scores: int
    missing: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For a JSON file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Metrics":
        """Back from the JSON file."""
        interval = content["roc_auc_interval"]
        return cls(**{**content, "roc_auc_interval": tuple(interval) if interval else None})


@dataclass(frozen=True)
class Curves:
    """Points for plots, thinned to at most `CURVE_POINTS`, as plain lists."""

    roc: dict[str, list[float]]
    precision_recall: dict[str, list[float]]
    reliability: dict[str, list[float]]
    histogram: dict[str, list[float]]

    def as_dict(self) -> dict[str, Any]:
        """For a JSON file."""
        return asdict(self)


def calibrate(scores: Array, calibration: Mapping[str, Any] | None) -> Array:
    """True probabilities from a model's, as the archive's manifest says.

    Args:
        scores: the model's probability of class 1.
        calibration: `{"kind": "odds", "factor": f}` multiplies the odds by f; `{"kind": "isotonic", "x": [...], "y":
            [...]}` interpolates between knots and is flat beyond them; None leaves all as it is."""
    if not calibration:
        return scores
    if calibration["kind"] == "odds":
        factor = float(calibration["factor"])
        return np.asarray(factor * scores / (factor * scores + (1 - scores)), dtype=np.float64)
    return np.asarray(np.interp(scores, calibration["x"], calibration["y"]), dtype=np.float64)


def measure(labels: Array, scores: Array, calibration: Mapping[str, Any] | None = None) -> Metrics:
    """All metrics.

    Args:
        labels: 0 or 1, shape (n,).
        scores: the model's probability of class 1, shape (n,); calibrated here for log loss and Brier score.
        calibration: see `calibrate`.
    """
    labels, scores = np.asarray(labels, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    count, positives = len(labels), int(labels.sum())
    invalid = int(count - np.count_nonzero((scores >= 0) & (scores <= 1)))
    why = _why_not(count, positives, invalid)
    values: dict[str, Any] = dict.fromkeys(
        ("roc_auc", "roc_auc_interval", "average_precision", "log_loss", "base_log_loss", "brier")
    )
    missing = {} if why is None else dict.fromkeys(values, why)
    if why is None:
        values = _values(labels, scores, calibrate(scores, calibration))
    return Metrics(
        examples=count,
        positives=positives,
        prevalence=positives / count if count else None,
        distinct_scores=len(np.unique(scores)),
        invalid_scores=invalid,
        missing=missing,
        **values,
    )


def curves(labels: Array, scores: Array, calibration: Mapping[str, Any] | None = None) -> Curves | None:
    """Points for the plots; None where `measure` would have no ROC AUC."""
    from sklearn.metrics import precision_recall_curve, roc_curve

    labels, scores = np.asarray(labels, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    invalid = int(len(scores) - np.count_nonzero((scores >= 0) & (scores <= 1)))
    if _why_not(len(labels), int(labels.sum()), invalid):
        return None
    fpr, tpr, _ = roc_curve(labels, scores)
    precision, recall, _ = precision_recall_curve(labels, scores)
    edges = np.linspace(0, 1, 41)
    return Curves(
        roc=_thinned(fpr=fpr, tpr=tpr),
        precision_recall=_thinned(recall=recall[::-1], precision=precision[::-1]),
        reliability=_reliability(labels, calibrate(scores, calibration)),
        histogram={
            "edges": edges.tolist(),
            "buyers": np.histogram(scores[labels == 1], edges)[0].tolist(),
            "others": np.histogram(scores[labels == 0], edges)[0].tolist(),
        },
    )


def delong(labels: Array, scores: Array) -> tuple[float, float]:
    """ROC AUC and its variance, by the fast form of DeLong's method (Sun and Xu 2014, IEEE SPL 21(11)): O(n log n)."""
    from scipy.stats import rankdata

    positive, negative = scores[labels == 1], scores[labels == 0]
    m, n = len(positive), len(negative)
    ranks = rankdata(np.concatenate([positive, negative]))
    above = (ranks[:m] - rankdata(positive)) / n
    below = 1 - (ranks[m:] - rankdata(negative)) / m
    variance = (above.var(ddof=1) / m if m > 1 else math.nan) + (below.var(ddof=1) / n if n > 1 else math.nan)
    return float(above.mean()), float(variance)


def logit_interval(value: float, variance: float, level: float = 0.95) -> tuple[float, float] | None:
    """Confidence interval of a share or an AUC, symmetric on the logit scale so that it stays within (0, 1).

    None where the scale has no place for it: at 0 or 1, or with an unknown variance.
    """
    if not 0 < value < 1 or not math.isfinite(variance):
        return None
    centre = math.log(value / (1 - value))
    half = NormalDist().inv_cdf(0.5 + level / 2) * math.sqrt(variance) / (value * (1 - value))
    return 1 / (1 + math.exp(half - centre)), 1 / (1 + math.exp(-half - centre))


def _why_not(count: int, positives: int, invalid: int) -> str | None:
    if not count:
        return "the holdout is empty"
    if invalid:
        return f"{invalid} of {count} scores are not numbers in [0, 1]"
    if positives in (0, count):
        return f"the holdout has {'no' if not positives else 'nothing but'} buyers, so nothing can be ranked"
    return None


def _values(labels: Array, scores: Array, probabilities: Array) -> dict[str, Any]:
    from sklearn.metrics import average_precision_score, brier_score_loss, log_loss

    auc, variance = delong(labels, scores)
    base = np.full_like(labels, labels.mean())
    return {
        "roc_auc": auc,
        "roc_auc_interval": logit_interval(auc, variance),
        "average_precision": float(average_precision_score(labels, scores)),
        "log_loss": float(log_loss(labels, np.clip(probabilities, _EPSILON, 1 - _EPSILON))),
        "base_log_loss": float(log_loss(labels, base)),
        "brier": float(brier_score_loss(labels, probabilities)),
    }


def _reliability(labels: Array, probabilities: Array, bins: int = 10) -> dict[str, list[float]]:
    """Mean forecast and share of buyers in bins of equal size, lowest forecasts first."""
    groups = [g for g in np.array_split(np.argsort(probabilities, kind="stable"), bins) if len(g)]
    return {
        "forecast": [float(probabilities[g].mean()) for g in groups],
        "observed": [float(labels[g].mean()) for g in groups],
        "examples": [float(len(g)) for g in groups],
    }


def _thinned(**columns: Array) -> dict[str, list[float]]:
    length = len(next(iter(columns.values())))
    keep = np.unique(np.linspace(0, length - 1, min(length, CURVE_POINTS)).round().astype(int))
    return {name: column[keep].tolist() for name, column in columns.items()}
