"""Move the tag `champion` to the day's published model."""

from typing import Any

from leapline.jobs.image import champion, order
from leapline.jobs.run import Run, main
from leapline.serving.promote import CHAMPION
from leapline.settings import Settings
from leapline.storage import Lake, read_json


def run(settings: Settings, run: Run) -> dict[str, Any]:
    """Promote, unless the run was asked not to or the champion is of a newer data day.

    Raises:
        NotInLakeError: nothing was published for that day.
        RegistryError: no clear answer; `champion` names the old or the new image.
    """
    lake = Lake(settings.home)
    model_id = read_json(lake.current("packages", run.day) / "package.json")["model_id"]
    digest = read_json(lake.current("models", model_id) / "publication.json")["digest"]
    tags = champion(settings)
    current = tags.registry.digest(CHAMPION)
    if not settings.promote:
        return {"promoted": False, "champion": current, "model_id": model_id, "why": "the run was asked not to promote"}
    why = read_json(lake.current("verdicts", run.day) / "verdict.json")["summary"]
    moved = tags.promote(digest, order(run.run_id, why), expected_current=current)
    return {
        "promoted": moved.moved,
        "champion": moved.champion,
        "previous": moved.previous,
        "model_id": model_id,
        "why": moved.why or why,
    }


if __name__ == "__main__":
    main("promote", run)
