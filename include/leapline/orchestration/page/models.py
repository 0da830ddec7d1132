"""Every candidate, the nights' ROC AUC, and who moved the champion: the lower half of the Models page.

Lists are cut to pages before a file is opened, so that years of nights cost no more than a month.
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from leapline.deployment.factory import registry
from leapline.errors import LeaplineError
from leapline.orchestration.page.runs import Json, current, read_or
from leapline.serving.ledger import Ledger
from leapline.serving.promote import CHAMPION, PREVIOUS
from leapline.settings import Settings
from leapline.storage import Lake

PAGE = 25
NIGHTS = 30


def candidates(settings: Settings, before: str | None = None, most: int = PAGE) -> Json:
    """A page of models, newest data day first.

    A published model is a row of its own; a day whose candidate was not published is one too.

    Args:
        settings: where the lake is.
        before: the key that the page before ended with; None for the first.
        most: rows.

    Returns:
        `{"rows": [{key, model_id, day, roc_auc, interval, average_precision, passed, sentence, digest, image, card}],
        "more": whether older ones follow}`.
    """
    lake = Lake(settings.home)
    published = lake.keys("models")
    keys = sorted({*published, *(day.isoformat() for day in lake.days("verdicts"))}, reverse=True)
    with_models = {key[:10] for key in published}
    rows = _rows(lake, (key for key in keys if before is None or key < before), with_models)
    taken = [row for row, _ in zip(rows, range(most + 1), strict=False)]
    return {"rows": taken[:most], "more": len(taken) > most}


def _rows(lake: Lake, keys: Iterator[str], with_models: set[str]) -> Iterator[Json]:
    for key in keys:
        row = _published(lake, key) if len(key) > 10 else _unpublished(lake, key, key in with_models)
        if row:
            yield row


def _published(lake: Lake, model_id: str) -> Json | None:
    try:
        folder = lake.current("models", model_id)
    except LeaplineError:
        return None
    paper, verdict = read_or(folder / "publication.json", {}), read_or(folder / "verdict.json", {})
    return _numbers(paper.get("metrics", {})) | {
        "key": model_id,
        "model_id": model_id,
        "day": paper.get("data_day", model_id[:10]),
        "passed": verdict.get("passed"),
        "sentence": verdict.get("summary", ""),
        "digest": paper.get("digest"),
        "image": paper.get("image"),
        "card": f"models/{model_id}/card" if (folder / "card.md").exists() else None,
    }


def _unpublished(lake: Lake, day: str, has_model: bool) -> Json | None:
    """A refused candidate's row; None for a day whose candidate is, or will be, a row of its own."""
    folder = current(lake, "verdicts", day)
    verdict = read_or(folder / "verdict.json", {}) if folder else {}
    if not folder or not verdict or (verdict["passed"] and has_model):
        return None
    probe_folder = current(lake, "probes", day) if verdict["passed"] else None
    probe = read_or(probe_folder / "probe.json", {}) if probe_folder else {}
    evaluation = current(lake, "evaluations", day)
    return _numbers(read_or(evaluation / "metrics.json", {}) if evaluation else {}) | {
        "key": day,
        "model_id": None,
        "day": day,
        "passed": bool(verdict["passed"] and probe.get("passed", True)),
        "sentence": probe["sentence"] if probe and not probe.get("passed") else verdict["summary"],
        "digest": None,
        "image": None,
        "card": f"days/{day}/card" if (folder / "card.md").exists() else None,
    }


def _numbers(metrics: Json) -> Json:
    return {
        "roc_auc": metrics.get("roc_auc"),
        "interval": metrics.get("roc_auc_interval"),
        "average_precision": metrics.get("average_precision"),
    }


def nights(settings: Settings, most: int = NIGHTS) -> list[Json]:
    """ROC AUC of the last data days, oldest first: `day, roc_auc, interval, passed, promoted`."""
    lake = Lake(settings.home)
    promoted = {entry["model_id"][:10] for entry in ledger(settings)["rows"] if entry["action"] == "promote"}
    found = []
    for day in (day.isoformat() for day in lake.days("evaluations")[-most:]):
        evaluation, verdict = current(lake, "evaluations", day), current(lake, "verdicts", day)
        metrics = read_or(evaluation / "metrics.json", {}) if evaluation else {}
        passed = read_or(verdict / "verdict.json", {}).get("passed") if verdict else None
        numbers = {"roc_auc": metrics.get("roc_auc"), "interval": metrics.get("roc_auc_interval")}
        found.append({"day": day, **numbers, "passed": passed, "promoted": day in promoted})
    return found


def rollbacks(settings: Settings, most: int = 100) -> list[str]:
    """When the champion was rolled back, newest first, ISO 8601."""
    return [entry["when"] for entry in ledger(settings)["rows"] if entry["action"] == "rollback"][:most]


def ledger(settings: Settings, most: int | None = None) -> Json:
    """Who moved the champion, newest first: `{"rows", "total", "problem"}`; `problem` says why it cannot be read."""
    try:
        entries = [asdict(entry) for entry in reversed(Ledger(settings.ledger).entries())]
    except LeaplineError as exc:
        return {"rows": [], "total": 0, "problem": str(exc)}
    return {"rows": entries[:most], "total": len(entries), "problem": ""}


def serving(settings: Settings) -> dict[str, Any]:
    """The digests that `champion` and `previous` name in the registry; `problem` says why they are not known."""
    try:
        repository = registry(settings)
        return {tag: repository.digest(tag) for tag in (CHAMPION, PREVIOUS)} | {"problem": ""}
    except LeaplineError as exc:
        return {CHAMPION: None, PREVIOUS: None, "problem": str(exc)}
