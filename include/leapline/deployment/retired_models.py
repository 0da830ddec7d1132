"""Models whose time to be replaced has passed, because visitors in their data were erased since."""

from datetime import date
from typing import Final

from leapline.errors import ErasureError
from leapline.serving.image import LABEL
from leapline.serving.registry import Registry
from leapline.storage import Lake, read_document

RECEIPTS: Final = "erasures"
"""Folder of the receipts of erasures: `models`, and the day `retire_by` or null."""


def retired_models(lake: Lake, today: date) -> dict[str, str]:
    """Return model id -> the day by which it had to be replaced, of the models whose day has passed."""
    retired: dict[str, str] = {}
    for item in (item for item in lake.store.list(RECEIPTS) if item.key.endswith(".json")):
        receipt = read_document(lake.store, item.key)
        retire_by = receipt.get("retire_by") if receipt else None
        if retire_by and date.fromisoformat(retire_by) < today:
            retired |= {model_id: min(retire_by, retired.get(model_id, retire_by)) for model_id in receipt["models"]}
    return retired


def require_not_retired(lake: Lake, registry: Registry, name: str, today: date) -> None:
    """Check that a model may become the champion by hand.

    Args:
        lake: has the receipts.
        registry: has the model.
        name: tag or digest of the model; one that the registry does not have is left to the promotion.
        today: in UTC.

    Raises:
        ErasureError: the model had to be replaced by an earlier day.
    """
    digest = registry.digest(name)
    model_id = registry.annotations(digest).get(LABEL + "version", "") if digest else ""
    retired = retired_models(lake, today)
    if model_id in retired:
        raise ErasureError(
            f"model {model_id}",
            found=f"data of visitors who were erased since; it had to be replaced by {retired[model_id]}",
            expected="a model that was trained after the erasure",
            fix="Choose a newer model from `leapline models`, or run the pipeline.",
        )
