"""Promotions by hand: back to an earlier model, or on to one that was published without being promoted."""

from typing import Any

from leapline.deployment.factory import champion_tags, promotion_request
from leapline.errors import RegistryError
from leapline.serving.promote import Promotion
from leapline.serving.tag_moves import CHAMPION_TAG
from leapline.settings import Settings


def roll_back(settings: Settings, *, to: str | None, why: str, run_id: str, who: str = "") -> dict[str, Any]:
    """Make `previous`, or the model id `to`, the champion again, with an entry in the ledger.

    Returns:
        `{"moved", "champion", "previous", "why"}`.

    Raises:
        RegistryError: no such model, or no clear answer; `champion` names the old or the new image.
    """
    return _summary(champion_tags(settings).rollback(promotion_request(run_id, why, who), to=to), why)


def promote_model(settings: Settings, *, model_id: str, why: str, run_id: str, who: str = "") -> dict[str, Any]:
    """Make a published model the champion, whatever its data day.

    Returns:
        `{"moved", "champion", "previous", "why"}`.

    Raises:
        RegistryError: no such model, or no clear answer; `champion` names the old or the new image.
    """
    tags = champion_tags(settings)
    digest = tags.registry.digest(model_id)
    if digest is None:
        raise RegistryError(
            f"tag {tags.registry.ref(model_id)}",
            found="no such tag",
            expected="a published model",
            fix="`leapline models` lists them.",
        )
    current, request = tags.registry.digest(CHAMPION_TAG), promotion_request(run_id, why, who)
    return _summary(tags.promote(digest, request, expected_current=current, allow_older=True), why)


def _summary(promotion: Promotion, why: str) -> dict[str, Any]:
    return {
        "moved": promotion.moved,
        "champion": promotion.champion,
        "previous": promotion.previous,
        "why": promotion.why or why,
    }
