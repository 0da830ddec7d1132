"""Move the tag `champion` to the day's published model."""

from typing import Any

from leapline.deployment.factory import champion, order
from leapline.records import verdicts
from leapline.runtime.context import RunContext
from leapline.runtime.step import main
from leapline.serving.promote import CHAMPION
from leapline.settings import Settings
from leapline.storage import Lake, read_json


def run(settings: Settings, context: RunContext) -> dict[str, Any]:
    """Promote, if `champion` still names what the verdict was given against.

    Not at all if the run was asked not to; a backfill only if the settings let it, and it then may go to an older day.

    Raises:
        NotInLakeError: nothing was published for that day.
        RegistryError: no clear answer; `champion` names the old or the new image.
    """
    lake = Lake(settings.home)
    model_id = read_json(lake.current("packages", context.day) / "package.json")["model_id"]
    digest = read_json(lake.current("models", model_id) / "publication.json")["digest"]
    verdict = verdicts.final(lake, context.day)
    tags = champion(settings)
    about = {"model_id": model_id, "result": verdict["result"]}
    if stay := _why_not(settings, context, verdict):
        return {"promoted": False, "champion": tags.registry.digest(CHAMPION), "why": stay} | about
    moved = tags.promote(
        digest,
        order(context.run_id, verdict["summary"]),
        expected_current=verdict["champion"]["digest"],
        allow_older=context.backfill and settings.promote_backfills,
    )
    why = moved.why or verdict["summary"]
    return {"promoted": moved.moved, "champion": moved.champion, "previous": moved.previous, "why": why} | about


def _why_not(settings: Settings, context: RunContext, verdict: dict[str, Any]) -> str:
    """Why `champion` is left alone whatever it names; empty if nothing forbids the move."""
    if not verdict["passed"]:
        return f"the last word on that day is a refusal: {verdict['summary']}"
    if not settings.promote:
        return "the run was asked not to promote"
    if context.backfill and not settings.promote_backfills:
        return f"a backfill leaves the champion; the model would have been published: {verdict['summary']}"
    if verdict["champion"]["state"] == "off" and verdict["champion"]["digest"] is None:
        return "the verdict was given without knowing the champion"
    return ""


if __name__ == "__main__":
    main("promote", run)
