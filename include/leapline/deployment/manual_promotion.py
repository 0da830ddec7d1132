"""Move the champion by hand: back to an earlier model, or on to one that was published without being promoted."""

from typing import Any

from leapline.deployment.factory import champion, order
from leapline.errors import RegistryError
from leapline.serving.promote import CHAMPION, Promotion
from leapline.settings import Settings


def roll_back(settings: Settings, *, to: str | None, why: str, run_id: str, who: str = "") -> dict[str, Any]:
    """Make `previous`, or the model id `to`, the champion again; in the ledger like every move.

    Raises:
        RegistryError: no such model, or no clear answer; `champion` names the old or the new image.
    """
    return _told(champion(settings).rollback(order(run_id, why, who), to=to), why)


def promote_model(settings: Settings, *, model_id: str, why: str, run_id: str, who: str = "") -> dict[str, Any]:
    """Make a published model the champion, of whatever data day: a person has decided.

    Raises:
        RegistryError: no such model, or no clear answer; `champion` names the old or the new image.
    """
    tags = champion(settings)
    digest = tags.registry.digest(model_id)
    if digest is None:
        raise RegistryError(
            f"tag {tags.registry.ref(model_id)}",
            found="no such tag",
            expected="a published model",
            fix="`leapline models` lists them.",
        )
    now = tags.registry.digest(CHAMPION)
    return _told(tags.promote(digest, order(run_id, why, who), expected_current=now, allow_older=True), why)


def _told(moved: Promotion, why: str) -> dict[str, Any]:
    return {"moved": moved.moved, "champion": moved.champion, "previous": moved.previous, "why": moved.why or why}
