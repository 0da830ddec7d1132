"""Promotions by hand, back to an earlier model or on to one that was published without being promoted, and decisions by
hand about a ledger and a registry that contradict each other."""

from dataclasses import asdict
from typing import Any

from leapline.deployment.factory import champion_tags, ledger_of, promotion_request, registry
from leapline.deployment.retired_models import require_not_retired
from leapline.errors import RegistryError
from leapline.promotion.acceptance import accept
from leapline.promotion.papers import require_papers
from leapline.promotion.promote import Promotion
from leapline.promotion.tag_moves import CHAMPION_TAG
from leapline.settings import Settings
from leapline.storage import lake_of


def roll_back(settings: Settings, *, to: str | None, why: str, run_id: str, who: str = "") -> dict[str, Any]:
    """Make `previous`, or the model id `to`, the champion again, with an entry in the ledger.

    Returns:
        `{"moved", "champion", "previous", "why"}`.

    Raises:
        ErasureError: the model had to be replaced by now; nothing was moved.
        ContradictionError: the model has no papers, or the repository is another lake's; nothing was moved.
        RegistryError: no such model, or no clear answer; `champion` names the old or the new image.
    """
    tags, request = champion_tags(settings), promotion_request(run_id, why, who)

    def require(digest: str) -> None:
        require_not_retired(lake_of(settings), tags.registry, digest, request.when.date())

    return _summary(tags.rollback(request, to=to, require=require), why)


def promote_model(settings: Settings, *, model_id: str, why: str, run_id: str, who: str = "") -> dict[str, Any]:
    """Make a published model the champion, whatever its data day.

    Returns:
        `{"moved", "champion", "previous", "why"}`.

    Raises:
        ErasureError: the model had to be replaced by now; nothing was moved.
        ContradictionError: the model has no papers, or registry and ledger do not agree; nothing was moved.
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
    require_not_retired(lake_of(settings), tags.registry, digest, request.when.date())
    require_papers(lake_of(settings), tags.ledger.checked_entries(), tags.registry, digest)
    return _summary(tags.promote(digest, request, expected_current=current, allow_older=True), why)


def accept_state(settings: Settings, *, why: str, run_id: str, who: str = "") -> dict[str, Any]:
    """Record that a person goes on with ledger, champion and repository as they are.

    Returns:
        `{"accepted", "champion", "left"}`: see `Acceptance`.

    Raises:
        RegistryError: the registry does not answer clearly; nothing was recorded.
    """
    request = promotion_request(run_id, why, who)
    return asdict(accept(registry(settings), ledger_of(settings), request))


def _summary(promotion: Promotion, why: str) -> dict[str, Any]:
    return {
        "moved": promotion.moved,
        "champion": promotion.champion,
        "previous": promotion.previous,
        "why": promotion.why or why,
    }
