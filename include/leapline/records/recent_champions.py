"""The champions of the last days, from the ledger, and which of them was the best, from their records in the lake.

A model counts if it served within these days, however long ago it was promoted. One that a rollback has replaced does
not: a person has taken it back, perhaps because it was worse than it looked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from leapline import clock
from leapline.deployment.retired_models import retired_models
from leapline.errors import StorageError
from leapline.evaluation.best_champion import Judged, ranked
from leapline.promotion.ledger_entry import Entry
from leapline.promotion.papers import record_problem
from leapline.promotion.tag_moves import CHAMPION_TAG
from leapline.storage import Lake, read_json


@dataclass(frozen=True)
class RecentChampions:
    """The champions of the last days.

    Attributes:
        best_first: model id -> digest of the image, the best one first.
        skipped: the others, each with the reason why it cannot be compared.
    """

    best_first: dict[str, str]
    skipped: list[str]


def recent_champions(lake: Lake, entries: Sequence[Entry], day: date, days: int) -> RecentChampions:
    """Return the champions of the last days before a data day.

    Args:
        lake: has the records of published models, and the receipts of erasures.
        entries: of the ledger, oldest first.
        day: the data day; models of this day or later ones do not count.
        days: how many days back from the data day.
    """
    judged: list[Judged] = []
    digests, skipped = _serving_since(entries, day, day - timedelta(days=days)), []
    retired = retired_models(lake, clock.today())
    for model_id, digest in digests.items():
        if model_id in retired:
            reason = f"had to be replaced by {retired[model_id]}, because visitors were erased"
        else:
            reason = _no_record(lake, model_id, digest) or _judged(lake, model_id, day, judged)
        if reason:
            skipped.append(f"{model_id} ({reason})")
    return RecentChampions({model_id: digests[model_id] for model_id in ranked(judged)}, skipped)


def _serving_since(entries: Sequence[Entry], day: date, first: date) -> dict[str, str]:
    """Return model id -> digest of the models older than the data day that were champion on or after a day."""
    moves = [entry for entry in entries if entry.tag == CHAMPION_TAG]
    ends = [datetime.fromisoformat(entry.when).date() for entry in moves[1:]]
    order: dict[str | None, int] = {}
    withdrawn: set[str | None] = set()
    for number, entry in enumerate(moves):
        order.setdefault(entry.after, number)
        if entry.action == "rollback" and order.get(entry.before, -1) > order[entry.after]:
            withdrawn.add(entry.before)
        withdrawn.discard(entry.after)
    return {
        entry.model_id: entry.after
        for number, entry in enumerate(moves)
        if entry.after and entry.after not in withdrawn
        if _data_day(entry.model_id) < day and (number == len(ends) or ends[number] >= first)
    }


def _data_day(model_id: str) -> date:
    """Return the data day of a model; the last possible day if the id names none."""
    try:
        return date.fromisoformat(model_id[:10])
    except ValueError:
        return date.max


def _no_record(lake: Lake, model_id: str, digest: str) -> str:
    try:
        return record_problem(lake, model_id, digest)
    except StorageError as exc:
        return f"its record in the lake cannot be read: {exc}"


def _judged(lake: Lake, model_id: str, day: date, judged: list[Judged]) -> str:
    """Add what was recorded about a model; return why it cannot be compared, empty if it can."""
    folder = lake.current("models", model_id)
    try:
        if day.isoformat() in read_json(folder / "manifest.json")["training_days"]:
            return f"trained on {day}, the day of the holdout"
        metrics, champion = read_json(folder / "metrics.json"), read_json(folder / "champion.json")
        differences = [champion, champion.get("best") or {}]
        judged.append(
            Judged(
                model_id,
                float(metrics["roc_auc"]),
                _interval(metrics["roc_auc_interval"]),
                dict(
                    _difference(content) for content in differences if (content.get("comparison") or {}).get("interval")
                ),
            )
        )
    except (StorageError, KeyError, TypeError, ValueError) as exc:
        return f"its record has no ROC AUC with an interval ({exc})"
    return ""


def _difference(content: dict[str, Any]) -> tuple[str, tuple[float, tuple[float, float]]]:
    comparison = content["comparison"]
    return str(content["model_id"]), (float(comparison["difference"]), _interval(comparison["interval"]))


def _interval(bounds: Sequence[float]) -> tuple[float, float]:
    low, high = bounds
    return float(low), float(high)
