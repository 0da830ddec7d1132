"""Go back to an earlier model."""

from typing import Any

from leapline.jobs.image import champion, order
from leapline.settings import Settings


def roll_back(settings: Settings, *, to: str | None, why: str, run_id: str) -> dict[str, Any]:
    """Make `previous`, or the model id `to`, the champion again; in the ledger like every move.

    Raises:
        RegistryError: no such model, or no clear answer; `champion` names the old or the new image.
    """
    moved = champion(settings).rollback(order(run_id, why), to=to)
    return {"moved": moved.moved, "champion": moved.champion, "previous": moved.previous, "why": moved.why or why}
