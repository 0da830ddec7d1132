"""The receipt of an erasure, and the models that were trained before it."""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import count
from typing import Any

from leapline.deployment.retired_models import RECEIPTS
from leapline.errors import LeaplineError
from leapline.privacy.erasure import Erased
from leapline.settings import Settings
from leapline.storage import Lake, json_bytes, read_json


def affected_models(lake: Lake, days: Sequence[str]) -> list[str]:
    """Return the published models that were trained or judged on one of the days, oldest first.

    A model that cannot be read counts as affected.
    """
    return [model_id for model_id in lake.keys("models") if _contains_one_of(lake, model_id, days)]


def write_receipt(
    settings: Settings, lake: Lake, run_id: str, day: date, requested: int, erased: Sequence[Erased]
) -> dict[str, Any]:
    """Write and return the receipt. It contains numbers and days, but neither ids nor pseudonyms.

    Args:
        settings: `retire_models_days`.
        lake: keeps the receipt.
        run_id: the run that erased.
        day: of the erasure.
        requested: the number of ids in the requests.
        erased: what was removed.
    """
    models = affected_models(lake, [entry.day for entry in erased])
    receipt = {
        "run_id": run_id,
        "erased_on": day.isoformat(),
        "visitors": requested,
        "days": [entry.as_dict() for entry in erased],
        "read_again": "no row of these visitors is left in events, examples and evaluations",
        "models": models,
        "retire_by": (day + timedelta(days=settings.retire_models_days)).isoformat() if models else None,
    }
    _store(lake, run_id, json_bytes(receipt))
    return receipt


def _store(lake: Lake, run_id: str, content: bytes) -> None:
    """Store a receipt beside those that the same run has written before, when its task is run again."""
    names = (run_id if number == 1 else f"{run_id}-{number}" for number in count(1))
    while not lake.store.put_if_absent(f"{RECEIPTS}/{next(names)}.json", content):
        continue


def _contains_one_of(lake: Lake, model_id: str, days: Sequence[str]) -> bool:
    day = model_id[: len("2026-03-01")]
    try:
        manifest = read_json(lake.current("models", model_id) / "manifest.json")
        return not {day, *manifest["training_days"]}.isdisjoint(days)
    except (LeaplineError, KeyError):
        return True
