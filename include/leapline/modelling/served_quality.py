"""Measure the session model where it is called: on the holdout's whole sessions and beginnings of sessions."""

from typing import TYPE_CHECKING, Any

from leapline.modelling.examples import BASELINE, SCORE, visitor_numbers
from leapline.settings import Settings

if TYPE_CHECKING:
    import pandas as pd


def measure_served(settings: Settings, examples: "pd.DataFrame", calibration: dict[str, Any] | None) -> dict[str, Any]:
    """Return ranking quality by number of events so far, and calibration in the large.

    Args:
        settings: number of resamples, seed.
        examples: `label`, `visitor`, `cut` (number of events), and the scores of model and baseline; a row each.
        calibration: of the model, as in `training.json`.

    Returns:
        `moments`: list of `evaluation.session_progress.Progress`; `calibration_ratio`:
        `evaluation.calibration_ratio.CalibrationRatio`.
    """
    from leapline.evaluation import calibration_ratio, session_progress
    from leapline.evaluation.metrics import calibrate

    labels, scores, baseline, events = (examples[n].to_numpy(float) for n in ("label", SCORE, BASELINE, "cut"))
    visitors = visitor_numbers(examples)
    resampling = {"resamples": settings.bootstrap_resamples, "seed": settings.seed}
    groups = session_progress.measure(labels, scores, baseline, events, visitors, **resampling)
    ratio = calibration_ratio.measure(labels, calibrate(scores, calibration), visitors, **resampling)
    return {"moments": [group.as_dict() for group in groups], "calibration_ratio": ratio.as_dict()}
