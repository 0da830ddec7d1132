"""How good a model is on sessions that it has not seen.

A metric that cannot be computed is None with a reason, never an exception and never a number: the verdict decides
what a missing number means."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leapline.evaluation.bootstrap import Array, draw_areas, logit_interval

CURVE_POINTS = 400
# Smallest probability in a logarithm: log loss stays finite, and a sure but wrong forecast is costly all the same.
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
    """Numbers of one model on one holdout.

    Attributes:
        examples: rows judged on.
        positives: those with label 1.
        prevalence: positives / examples.
        roc_auc: area under the ROC curve: the chance that a buyer scores above a non-buyer.
        roc_auc_interval: its 95 % confidence interval (visitors drawn again, on the logit scale).
        average_precision: area under the precision-recall curve, as a step function.
        average_precision_interval: its 95 % confidence interval, of the same draws.
        log_loss: mean negative log likelihood of the calibrated probabilities, natural logarithm.
        base_log_loss: the same of a forecast that always gives the holdout's prevalence.
        brier: mean squared error of the calibrated probabilities.
        calibration_error: mean distance of forecast and share of buyers in tenths of the sessions, by forecast.
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
    average_precision_interval: tuple[float, float] | None
    log_loss: float | None
    base_log_loss: float | None
    brier: float | None
    calibration_error: float | None
    distinct_scores: int
    invalid_scores: int
    missing: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For a JSON file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Metrics":
        """Back from the JSON file, which may say more than this."""
        known: dict[str, Any] = {entry.name: content[entry.name] for entry in fields(cls)}
        known |= {name: tuple(v) for name, v in known.items() if name.endswith("_interval") and v}
        return cls(**known)


@dataclass(frozen=True)
class Draws:
    """How intervals are drawn.

    Attributes:
        visitors: whose row it is, shape (n,); rows of one visitor are drawn together.
        number: how many draws.
        seed: of the draws.
    """

    visitors: NDArray[Any]
    number: int = 1000
    seed: int = 0


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


def measure(
    labels: Array, scores: Array, calibration: Mapping[str, Any] | None = None, draws: Draws | None = None
) -> Metrics:
    """All metrics.

    Args:
        labels: 0 or 1, shape (n,).
        scores: the model's probability of class 1, shape (n,); calibrated here for log loss and Brier score.
        calibration: see `calibrate`.
        draws: how intervals are drawn; each row its own visitor if None.
    """
    labels, scores = np.asarray(labels, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    count, positives = len(labels), int(labels.sum())
    invalid = int(count - np.count_nonzero((scores >= 0) & (scores <= 1)))
    why = _why_not(count, positives, invalid)
    values: dict[str, Any] = dict.fromkeys(_COMPUTED)
    missing = {} if why is None else dict.fromkeys(values, why)
    if why is None:
        probabilities = calibrate(scores, calibration)
        values = _areas(labels, scores, draws or Draws(np.arange(count))) | _losses(labels, probabilities)
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


def _why_not(count: int, positives: int, invalid: int) -> str | None:
    if not count:
        return "the holdout is empty"
    if invalid:
        return f"{invalid} of {count} scores are not numbers in [0, 1]"
    if positives in (0, count):
        return f"the holdout has {'no' if not positives else 'nothing but'} buyers, so nothing can be ranked"
    return None


def _areas(labels: Array, scores: Array, draws: Draws) -> dict[str, Any]:
    from sklearn.metrics import average_precision_score, roc_auc_score

    found = {"roc_auc": roc_auc_score(labels, scores), "average_precision": average_precision_score(labels, scores)}
    [drawn] = draw_areas(labels, [scores], draws.visitors, draws=draws.number, seed=draws.seed)
    values: dict[str, Any] = {}
    for name, value in found.items():
        values[name] = float(value)
        interval = logit_interval(float(value), getattr(drawn, name))
        # Six digits: the archive holds them, and another processor's last bit must not change it.
        values[f"{name}_interval"] = interval and (round(interval[0], 6), round(interval[1], 6))
    return values


def _losses(labels: Array, probabilities: Array) -> dict[str, float]:
    from sklearn.metrics import brier_score_loss, log_loss

    tenths = _reliability(labels, probabilities)
    distances = np.abs(np.subtract(tenths["forecast"], tenths["observed"]))
    return {
        "log_loss": float(log_loss(labels, np.clip(probabilities, _EPSILON, 1 - _EPSILON))),
        "base_log_loss": float(log_loss(labels, np.full_like(labels, labels.mean()))),
        "brier": float(brier_score_loss(labels, probabilities)),
        "calibration_error": float(np.average(distances, weights=tenths["examples"])),
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
