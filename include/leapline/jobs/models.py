"""What was published, what serves, and who moved it."""

from dataclasses import asdict
from typing import Any

from leapline.errors import RegistryError
from leapline.jobs.image import registry
from leapline.serving.ledger import Ledger
from leapline.serving.promote import CHAMPION, PREVIOUS
from leapline.settings import Settings
from leapline.storage import Lake, read_json


def listing(settings: Settings) -> list[dict[str, Any]]:
    """One row a published model, newest data day last: `model_id, data_day, roc_auc, average_precision, tags, digest`.

    `tags` is "?" where the registry does not answer: the papers are in the lake, what serves only the registry knows.
    """
    lake, serving = Lake(settings.home), _serving(settings)
    rows = []
    for model_id in lake.keys("models"):
        paper = read_json(lake.current("models", model_id) / "publication.json")
        metrics = {k: round(paper["metrics"][k], 4) for k in ("roc_auc", "average_precision")}
        tags = "?" if serving is None else " ".join(t for t, d in serving.items() if d == paper["digest"])
        rows.append(
            {"model_id": model_id, "data_day": paper["data_day"], **metrics, "tags": tags, "digest": paper["digest"]}
        )
    return rows


def ledger_rows(settings: Settings) -> list[dict[str, Any]]:
    """The ledger, oldest first."""
    return [asdict(entry) for entry in Ledger(settings.ledger).entries()]


def _serving(settings: Settings) -> dict[str, str | None] | None:
    try:
        repository = registry(settings)
        return {tag: repository.digest(tag) for tag in (CHAMPION, PREVIOUS)}
    except RegistryError:
        return None
