"""Every judged candidate: the published models, and the days whose candidate was not published.

There is one row per candidate, and one listing for the command line, the Models page and the tests. Keys are listed
first and files are opened row by row, so that a page of a lake with years of days costs no more than a page of a month.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import Any

from leapline.errors import LeaplineError
from leapline.records import verdicts
from leapline.storage import Lake, read_json

UNREADABLE = "unreadable"
_DAY_LENGTH = len("2026-03-01")


@dataclass(frozen=True)
class Candidate:
    """One judged candidate.

    Attributes:
        key: the model id of a published model, otherwise the data day; keys sort by data day.
        model_id: of the published model; None if it was not published.
        data_day: ISO date.
        result: "published", "refused", "to be probed", "would have been ..." for a backfill, or "unreadable".
        passed: whether the verdict in force passes it; None if the files cannot be read.
        summary: the verdict's sentence, or why the files cannot be read.
        roc_auc, roc_auc_interval, average_precision: on the holdout; None if they could not be computed.
        image, digest: of the published image; None if it was not published.
        parent: model id of the champion that it was compared with; None if there was none.
        has_card: whether there is a model card.
        docker_images: tag -> digest of the published images in Docker's format.
        platforms: architecture -> how the image was tested on it before it was published; empty for earlier versions.
    """

    key: str
    model_id: str | None
    data_day: str
    result: str
    passed: bool | None
    summary: str
    roc_auc: float | None = None
    roc_auc_interval: tuple[float, float] | None = None
    average_precision: float | None = None
    image: str | None = None
    digest: str | None = None
    parent: str | None = None
    has_card: bool = False
    docker_images: Mapping[str, str] = field(default_factory=dict)
    platforms: Mapping[str, str] = field(default_factory=dict)


def candidates(lake: Lake, before: str | None = None) -> Iterator[Candidate]:
    """Yield the candidates, newest data day first.

    A published model is one row. A judged day without a published model is one row too, with the verdict in force.

    Args:
        lake: to look in.
        before: only candidates whose key sorts before this one.
    """
    published = lake.keys("models")
    published_days = {model_id[:_DAY_LENGTH] for model_id in published}
    keys = sorted({*published, *(day.isoformat() for day in lake.days("verdicts"))}, reverse=True)
    for key in keys:
        if before is None or key < before:
            row = _read(lake, key, key in published_days)
            if row:
                yield row


def candidate_page(lake: Lake, before: str | None, size: int) -> tuple[list[Candidate], bool]:
    """Return one page of candidates, and whether there are older ones.

    Args:
        lake: to look in.
        before: the key of the last row of the page before; None for the first page.
        size: rows of a page.
    """
    rows = list(islice(candidates(lake, before), size + 1))
    return rows[:size], len(rows) > size


def _read(lake: Lake, key: str, day_is_published: bool) -> Candidate | None:
    is_model = len(key) > _DAY_LENGTH
    try:
        return _published(lake, key) if is_model else _unpublished(lake, date.fromisoformat(key), day_is_published)
    except LeaplineError as exc:
        return Candidate(key, key if is_model else None, key[:_DAY_LENGTH], UNREADABLE, None, str(exc))


def _published(lake: Lake, model_id: str) -> Candidate:
    folder = lake.current("models", model_id)
    publication, verdict = read_json(folder / "publication.json"), read_json(folder / verdicts.FILE)
    return Candidate(
        key=model_id,
        model_id=model_id,
        data_day=publication["data_day"],
        result=verdict.get("result", "published"),
        passed=verdict["passed"],
        summary=verdict["summary"],
        image=publication["image"],
        digest=publication["digest"],
        parent=publication.get("parent"),
        has_card=(folder / "card.md").exists(),
        docker_images={built["tag"]: built["digest"] for built in publication.get("docker_images", {}).values()},
        platforms=publication.get("platforms", {}),
        **_metrics(publication["metrics"]),
    )


def _unpublished(lake: Lake, day: date, day_is_published: bool) -> Candidate | None:
    """Return the row of a judged day; None if its candidate is listed as a published model."""
    verdict = verdicts.effective_verdict(lake, day)
    if not verdicts.has_result(verdict) or (verdict["passed"] and day_is_published):
        return None
    return Candidate(
        key=day.isoformat(),
        model_id=None,
        data_day=day.isoformat(),
        result=verdict["result"],
        passed=verdict["passed"],
        summary=verdict["summary"],
        parent=verdict["champion"]["model_id"],
        has_card=(lake.current("verdicts", day) / "card.md").exists(),
        **_metrics(read_json(lake.current("evaluations", day) / "metrics.json")),
    )


def _metrics(metrics: dict[str, Any]) -> dict[str, Any]:
    names = ("roc_auc", "roc_auc_interval", "average_precision")
    return {name: metrics.get(name) for name in names}
