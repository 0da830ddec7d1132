"""Calibration in the large: the mean forecast divided by the share of examples that buy.

The calibration error is an absolute number: at a prevalence of 5 %, forecasts that are half again too high differ from
the truth by 0.025 only. The ratio is relative to the prevalence.

The model is fitted, calibrated and called on sessions in progress, so its ratio is measured on whole sessions and
beginnings of sessions together. On whole sessions alone the ratio of a calibrated model is typically 1.2 to 1.3, on
beginnings alone 0.7: nobody knows during a session whether it goes on, and sessions that do not go on buy less often
than others with the same events so far (docs/decisions/0032-served-quality.md has the measurements)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leapline.evaluation.bootstrap import Array
from leapline.evaluation.effective_size import effective_size
from leapline.evaluation.ratios import Interval, bootstrap_ratios, field_values, log_interval, rounded


@dataclass(frozen=True)
class CalibrationRatio:
    """The ratio of mean forecast and prevalence.

    Attributes:
        forecast: mean calibrated probability.
        prevalence: share of rows with label 1.
        ratio: forecast / prevalence; None without a row of label 1, or if a forecast is not finite.
        interval: 95 % interval of the ratio (bootstrap of visitors, symmetric on the logarithmic scale).
    """

    forecast: float | None
    prevalence: float | None
    ratio: float | None
    interval: Interval

    def as_dict(self) -> dict[str, Any]:
        """Return the content of the JSON file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "CalibrationRatio":
        """Return the object from the content of its JSON file."""
        return cls(**field_values(cls, content))


def measure(
    labels: Array, probabilities: Array, visitors: NDArray[Any], *, resamples: int, seed: int
) -> CalibrationRatio:
    """Measure the ratio.

    Args:
        labels: 0 or 1, shape (n,).
        probabilities: calibrated, shape (n,).
        visitors: the visitor of each row, shape (n,).
        resamples: number of bootstrap resamples.
        seed: of the resampling.
    """
    if not len(labels) or not np.isfinite(probabilities).all():
        return CalibrationRatio(None, float(labels.mean()) if len(labels) else None, None, None)
    forecast, prevalence = float(probabilities.mean()), float(labels.mean())
    if not prevalence:
        return CalibrationRatio(forecast, prevalence, None, None)
    ratio = forecast / prevalence
    resampled = bootstrap_ratios(probabilities, labels, visitors, resamples=resamples, seed=seed)
    interval = log_interval(ratio, resampled, effective_size(labels, visitors).positives)
    return CalibrationRatio(forecast, prevalence, round(ratio, 6), rounded(interval))
