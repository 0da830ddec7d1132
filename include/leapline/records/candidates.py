"""What was judged and published, what serves, and who moved it."""

from dataclasses import asdict
from datetime import date
from typing import Any

from leapline.deployment.factory import registry
from leapline.errors import RegistryError
from leapline.records import verdicts
from leapline.serving.ledger import Ledger
from leapline.serving.promote import CHAMPION, PREVIOUS
from leapline.settings import Settings
from leapline.storage import Lake, read_json


def listing(settings: Settings) -> list[dict[str, Any]]:
    """One row a candidate, by data day: model id, metrics, verdict, result, tags, digest.

    A candidate that was refused was never published: its `model_id` and `digest` are None, and `verdict` says why.
    `tags` is "?" where the registry does not answer: the papers are in the lake, what serves only the registry knows.
    """
    lake, serving = Lake(settings.home), _serving(settings)
    published = [_published(lake, model_id, serving) for model_id in lake.keys("models")]
    refused = [row for day in verdicts.judged_days(lake) if (row := _refused(lake, day))]
    return sorted([*published, *refused], key=lambda row: (row["data_day"], row["model_id"] or ""))


def ledger_rows(settings: Settings) -> list[dict[str, Any]]:
    """The ledger, oldest first."""
    return [asdict(entry) for entry in Ledger(settings.ledger).entries()]


def _published(lake: Lake, model_id: str, serving: dict[str, str | None] | None) -> dict[str, Any]:
    papers = lake.current("models", model_id)
    paper, verdict = read_json(papers / "publication.json"), read_json(papers / "verdict.json")
    tags = "?" if serving is None else " ".join(t for t, d in serving.items() if d == paper["digest"])
    about = {
        "verdict": verdict["summary"],
        "result": verdict.get("result", "published"),
        "tags": tags,
        "digest": paper["digest"],
    }
    return {"model_id": model_id, "data_day": paper["data_day"], **_rounded(paper["metrics"]), **about}


def _refused(lake: Lake, day: date) -> dict[str, Any] | None:
    verdict = verdicts.final(lake, day)
    if verdict["passed"]:
        return None
    metrics = read_json(lake.current("evaluations", day) / "metrics.json")
    about = {"verdict": verdict["summary"], "result": verdict["result"], "tags": "", "digest": None}
    return {"model_id": None, "data_day": day.isoformat(), **_rounded(metrics), **about}


def _rounded(metrics: dict[str, Any]) -> dict[str, float | None]:
    found = {name: metrics[name] for name in ("roc_auc", "average_precision")}
    return {name: None if value is None else round(value, 4) for name, value in found.items()}


def _serving(settings: Settings) -> dict[str, str | None] | None:
    try:
        repository = registry(settings)
        return {tag: repository.digest(tag) for tag in (CHAMPION, PREVIOUS)}
    except RegistryError:
        return None
