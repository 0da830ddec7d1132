"""Metrics of a model on sessions that it was not trained on.

A metric that cannot be computed is None with a reason, never an exception or a placeholder number: the verdict decides
what a missing number means.

Points of ROC AUC, average precision, log loss and Brier score come from scikit-learn. `leapline.evaluation.bootstrap`
computes the areas of many resamples itself; docs/decisions/0030-metrics.md has the measurements."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leapline.evaluation.bootstrap import MIN_EFFECTIVE, Areas, Array, bootstrap_areas, logit_interval
from leapline.evaluation.effective_size import EffectiveSize, effective_size

CURVE_POINTS = 400
# Smallest probability in a logarithm: log loss stays finite, and a certain but wrong forecast is still penalised.
_EPSILON = 1e-12
_COMPUTED = (
    "roc_auc",
    "roc_auc_interval",
    "average_precision",
    "average_precision_interval",
    "log_loss",
    "base_log_loss",
    "brier",
    "calibration_error",
)


@dataclass(frozen=True)
class Metrics:
    """Metrics of one model on one holdout.

    A row is one whole session (all its events before the checkout) for the session model, and one session-item pair for
    the item model.

    Attributes:
        examples: rows of the holdout.
        positives: rows with label 1: buying sessions, or bought pairs.
        prevalence: positives / examples.
        roc_auc: area under the ROC curve: the probability that a positive scores above a negative.
        roc_auc_interval: 95 % confidence interval (bootstrap of visitors, Student's t on the logit scale).
        average_precision: area under the precision-recall curve, as a step function.
        average_precision_interval: 95 % confidence interval, from the same resamples.
        log_loss: mean negative log-likelihood of the calibrated probabilities, natural logarithm.
        base_log_loss: log loss of a constant forecast of the prevalence.
        brier: mean squared error of the calibrated probabilities.
        calibration_error: expected calibration error: mean difference between forecast and share of positives over 10
            bins of equal size.
        distinct_scores: number of distinct scores.
        invalid_scores: number of scores that are not in [0, 1].
        missing: metric -> why it could not be computed.
        visitors: visitors with a row.
        effective_positives: number of visitors that the positives stand for in effect (Kish's effective sample size).
        effective_negatives: the same of the negatives.
    """

    examples: int
    positives: int
    prevalence: float | None
    roc_auc: float | None
    roc_auc_interval: tuple[float, float] | None
    average_precision: float | None
    average_precision_interval: tuple[float, float] | None
    log_loss: float | None
    base_log_loss: float | None
    brier: float | None
    calibration_error: float | None
    distinct_scores: int
    invalid_scores: int
    missing: dict[str, str] = field(default_factory=dict)
    visitors: int = 0
    effective_positives: float | None = None
    effective_negatives: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the content of the JSON file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Metrics":
        """Return the metrics from the content of a JSON file, which may have further keys."""
        values: dict[str, Any] = {entry.name: content[entry.name] for entry in fields(cls)}
        values |= {name: tuple(v) for name, v in values.items() if name.endswith("_interval") and v}
        return cls(**values)


@dataclass(frozen=True)
class Bootstrap:
    """The parameters of the bootstrap for confidence intervals.

    Attributes:
        visitors: the visitor of each row, shape (n,); rows of one visitor are resampled together.
        resamples: their number.
        seed: of the resampling.
        areas: those of the scores, if they were computed before, as by `bootstrap_areas` with these parameters.
    """

    visitors: NDArray[Any]
    resamples: int = 1000
    seed: int = 0
    areas: Areas | None = None


@dataclass(frozen=True)
class Curves:
    """Points for plots, at most `CURVE_POINTS` per curve, as plain lists."""

    roc: dict[str, list[float]]
    precision_recall: dict[str, list[float]]
    reliability: dict[str, list[float]]
    histogram: dict[str, list[float]]

    def as_dict(self) -> dict[str, Any]:
        """Return the content of the JSON file."""
        return asdict(self)


def calibrate(scores: Array, calibration: Mapping[str, Any] | None) -> Array:
    """Convert a model's probabilities to calibrated ones, as the archive's manifest defines.

    Args:
        scores: the model's probability of class 1.
        calibration: `{"kind": "odds", "factor": f}` multiplies the odds by f; `{"kind": "isotonic", "x": [...], "y":
            [...]}` interpolates between knots and is constant outside; None changes nothing."""
    if not calibration:
        return scores
    if calibration["kind"] == "odds":
        factor = float(calibration["factor"])
        return np.asarray(factor * scores / (factor * scores + (1 - scores)), dtype=np.float64)
    return np.asarray(np.interp(scores, calibration["x"], calibration["y"]), dtype=np.float64)


def measure(
    labels: Array, scores: Array, calibration: Mapping[str, Any] | None = None, bootstrap: Bootstrap | None = None
) -> Metrics:
    """Compute all metrics.

    Args:
        labels: 0 or 1, shape (n,).
        scores: the model's probability of class 1, shape (n,); calibrated here for log loss and Brier score.
        calibration: see `calibrate`.
        bootstrap: how intervals are computed; each row is a visitor of its own if None.
    """
    labels, scores = np.asarray(labels, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    count, positives = len(labels), int(labels.sum())
    invalid = _count_invalid(scores)
    reason = _missing_reason(count, positives, invalid)
    values: dict[str, Any] = dict.fromkeys(_COMPUTED)
    missing = {} if reason is None else dict.fromkeys(values, reason)
    bootstrap = bootstrap or Bootstrap(np.arange(count))
    size = effective_size(labels, bootstrap.visitors)
    if reason is None:
        values = _areas(labels, scores, bootstrap, size) | _losses(labels, calibrate(scores, calibration))
        missing = {name: _why_no_interval(size) for name in values if values[name] is None}
    return Metrics(
        examples=count,
        positives=positives,
        prevalence=positives / count if count else None,
        distinct_scores=len(np.unique(scores)),
        invalid_scores=invalid,
        missing=missing,
        visitors=size.visitors,
        effective_positives=size.positives,
        effective_negatives=size.negatives,
        **values,
    )


def curves(labels: Array, scores: Array, calibration: Mapping[str, Any] | None = None) -> Curves | None:
    """Compute the points of the plots; None where `measure` has no ROC AUC."""
    from sklearn.metrics import precision_recall_curve, roc_curve

    labels, scores = np.asarray(labels, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if _missing_reason(len(labels), int(labels.sum()), _count_invalid(scores)):
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


def _count_invalid(scores: Array) -> int:
    return int(len(scores) - np.count_nonzero((scores >= 0) & (scores <= 1)))


def _missing_reason(count: int, positives: int, invalid: int) -> str | None:
    if not count:
        return "the holdout is empty"
    if invalid:
        return f"{invalid:,} of {count:,} scores are not numbers in [0, 1]"
    if positives in (0, count):
        return f"the holdout has {'no' if not positives else 'only'} positives, so ranking cannot be measured"
    return None


def _why_no_interval(size: EffectiveSize) -> str:
    if size.smaller >= MIN_EFFECTIVE:
        return "too many resamples of the visitors have no value that an interval could be computed from"
    whose = "purchases" if size.positives <= size.negatives else "sessions without a purchase"
    return f"the {whose} are in effect those of {size.smaller:.1f} visitors, too few to resample"


def _areas(labels: Array, scores: Array, bootstrap: Bootstrap, size: EffectiveSize) -> dict[str, Any]:
    from sklearn.metrics import average_precision_score, roc_auc_score

    points = {"roc_auc": roc_auc_score(labels, scores), "average_precision": average_precision_score(labels, scores)}
    areas = bootstrap.areas
    if areas is None:
        resampling = {"resamples": bootstrap.resamples, "seed": bootstrap.seed}
        [areas] = bootstrap_areas(labels, [scores], bootstrap.visitors, **resampling)
    values: dict[str, Any] = {}
    for name, value in points.items():
        values[name] = float(value)
        interval = logit_interval(float(value), getattr(areas, name), size.smaller)
        # Rounded, since the archive contains them and must not depend on the last bit of another processor.
        values[f"{name}_interval"] = interval and (round(interval[0], 6), round(interval[1], 6))
    return values


def _losses(labels: Array, probabilities: Array) -> dict[str, float]:
    from sklearn.metrics import brier_score_loss, log_loss

    bins = _reliability(labels, probabilities)
    differences = np.abs(np.subtract(bins["forecast"], bins["observed"]))
    return {
        "log_loss": float(log_loss(labels, np.clip(probabilities, _EPSILON, 1 - _EPSILON))),
        "base_log_loss": float(log_loss(labels, np.full_like(labels, labels.mean()))),
        "brier": float(brier_score_loss(labels, probabilities)),
        "calibration_error": float(np.average(differences, weights=bins["examples"])),
    }


def _reliability(labels: Array, probabilities: Array, bins: int = 10) -> dict[str, list[float]]:
    """Return mean forecast and share of positives in bins of equal size, lowest forecasts first."""
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
