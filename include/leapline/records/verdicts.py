"""The verdict's document: the gate writes it, the probe adds its own rules, and that of the probe is the last word.

    verdicts/date=D/verdict.json   {"passed", "summary", "rules", "data_day", "result", "champion"}
    probes/date=D/verdict.json     the same with the probe's rules, and "gate": the attempt that it belongs to

`champion` is the champion that the verdict was given against (`leapline.evaluation.champion.Rival`): promotion moves
the tag only while it still names that digest.
"""

from datetime import date
from typing import Any

from leapline.evaluation.champion import Rival
from leapline.evaluation.verdict import Limits, Verdict
from leapline.runtime.context import RunContext
from leapline.settings import Settings
from leapline.storage import Lake, read_json

FILE = "verdict.json"
TO_BE_PROBED = "to be probed"
"""The result of what the gate let pass, until the probe has had its word."""


def limits(settings: Settings) -> Limits:
    """The gate's limits, as set."""
    return Limits(
        roc_auc=settings.roc_auc_threshold,
        max_roc_auc=settings.max_roc_auc,
        min_positives=settings.min_positives,
        precision_lift=settings.min_precision_lift,
        calibration_error=settings.max_calibration_error,
        importance=settings.max_importance,
        slice_roc_auc=settings.min_slice_roc_auc,
        slice_positives=settings.slice_min_positives,
        champion_margin=settings.champion_margin,
        baseline_gain=settings.min_baseline_gain,
    )


def document(verdict: Verdict, run: RunContext, champion: Rival, result: str) -> dict[str, Any]:
    """The verdict as the lake keeps it."""
    return verdict.as_dict() | {
        "data_day": run.day.isoformat(),
        "result": result,
        "champion": champion.as_dict(),
    }


def result(passed: bool, backfill: bool) -> str:
    """What the verdict comes to: a backfill tells what would have been."""
    word = "published" if passed else "refused"
    return f"would have been {word}" if backfill else word


def judged_days(lake: Lake) -> list[date]:
    """The days with a verdict of this form, in order; what earlier versions wrote is left alone."""
    return [day for day in lake.days("verdicts") if "result" in read_json(lake.current("verdicts", day) / FILE)]


def final(lake: Lake, day: date) -> dict[str, Any]:
    """The last word on a day's candidate: the probe's, if it has probed what the gate let pass, else the gate's.

    Raises:
        NotInLakeError: the day was not judged.
    """
    gate = lake.current("verdicts", day)
    probe = lake.current("probes", day) / FILE if lake.has("probes", day) else None
    if probe and probe.exists():
        probed: dict[str, Any] = read_json(probe)
        if probed["gate"] == gate.name:
            return probed
    judged: dict[str, Any] = read_json(gate / FILE)
    return judged
