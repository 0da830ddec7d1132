"""Verdict documents, and which of them is in force for a day.

    verdicts/date=D/verdict.json   the gate's verdict: passed, summary, rules, data_day, result, champion
    probes/date=D/verdict.json     the final verdict: the gate's rules and those of the image, and `gate`: the
                                   attempt of `verdicts` that it completes

`champion` is the champion that the candidate was compared with: promotion moves the tag only while the tag still names
that digest.
"""

from datetime import date
from typing import Any

from leapline.evaluation.champion import ChampionComparison
from leapline.evaluation.item_rules import ItemLimits
from leapline.evaluation.leakage_rules import LeakageLimits
from leapline.evaluation.served_rules import ServedLimits
from leapline.evaluation.verdict import Limits, Verdict
from leapline.runtime.context import RunContext
from leapline.settings import Settings
from leapline.storage import Lake, read_json

FILE = "verdict.json"
TO_BE_PROBED = "to be probed"
"""The result of a candidate that passed the gate, until the probe has judged its image."""


def gate_limits(settings: Settings) -> Limits:
    """Return the gate's limits from the settings."""
    return Limits(
        roc_auc=settings.roc_auc_threshold,
        roc_auc_confidence=settings.roc_auc_confidence,
        max_roc_auc=settings.max_roc_auc,
        min_positives=settings.min_positives,
        min_effective=settings.min_effective_buyers,
        precision_lift=settings.min_precision_lift,
        calibration_error=settings.max_calibration_error,
        importance=settings.max_importance,
        slice_roc_auc=settings.min_slice_roc_auc,
        slice_positives=settings.slice_min_positives,
        champion_margin=settings.champion_margin,
        best_champion_margin=settings.best_champion_margin,
        baseline_gain=settings.min_baseline_gain,
        champion_precision_margin=settings.champion_precision_margin,
        served=ServedLimits(
            progress_positives=settings.progress_min_positives,
            progress_loss=settings.max_progress_loss,
            progress_roc_auc=settings.min_progress_roc_auc,
            progress_floor_positives=settings.progress_floor_positives,
            calibration_ratio=settings.max_calibration_ratio,
            items=item_limits(settings),
        ),
        leakage=LeakageLimits(
            roc_auc=settings.max_feature_roc_auc,
            certainty=settings.max_feature_certainty,
            persistence=settings.min_feature_persistence,
            min_buyers=settings.slice_min_positives,
        ),
    )


def item_limits(settings: Settings) -> ItemLimits:
    """Return the limits of the item model's rules from the settings."""
    return ItemLimits(positives=settings.min_item_positives, roc_auc=settings.min_item_roc_auc)


def verdict_document(
    verdict: Verdict, context: RunContext, champion: ChampionComparison, result: str
) -> dict[str, Any]:
    """Return the content of `verdict.json`."""
    return verdict.as_dict() | {
        "data_day": context.day.isoformat(),
        "result": result,
        "champion": champion.as_dict(),
    }


def result_of(passed: bool, backfill: bool) -> str:
    """Return the result that a final verdict leads to; for a backfill, what would have happened."""
    result = "published" if passed else "refused"
    return f"would have been {result}" if backfill else result


def judged_days(lake: Lake, newest: int | None = None) -> list[date]:
    """Return the days with a verdict, in order; documents of versions before results were recorded are left out.

    Args:
        lake: to look in.
        newest: return at most this many, the newest ones.
    """
    days: list[date] = []
    for day in reversed(lake.days("verdicts")):
        if newest is not None and len(days) == newest:
            break
        if has_result(gate_verdict(lake, day)):
            days.append(day)
    return days[::-1]


def has_result(verdict: dict[str, Any]) -> bool:
    """Return whether a verdict document has a result; documents of the first versions have none."""
    return "result" in verdict


def gate_verdict(lake: Lake, day: date) -> dict[str, Any]:
    """Return the gate's newest verdict on a day, before the probe.

    Raises:
        NotInLakeError: the day was not judged.
    """
    verdict: dict[str, Any] = read_json(lake.current("verdicts", day) / FILE)
    return verdict


def effective_verdict(lake: Lake, day: date) -> dict[str, Any]:
    """Return the verdict in force for a day's candidate.

    This is the probe's verdict if it completes the gate's newest one, otherwise the gate's. A probe of an earlier
    attempt of the gate no longer counts, whatever it decided: that candidate is "to be probed" again.

    Raises:
        NotInLakeError: the day was not judged.
    """
    gate = lake.current("verdicts", day)
    path = lake.current("probes", day) / FILE if lake.has("probes", day) else None
    final: dict[str, Any] = read_json(path) if path and path.exists() else {}
    return final if final.get("gate") == gate.name else gate_verdict(lake, day)
