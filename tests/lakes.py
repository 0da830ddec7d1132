"""Lakes in local folders, as the tests look into them."""

import uuid
from datetime import date
from pathlib import Path

from leapline.deployment.factory import champion_tags, promotion_request
from leapline.promotion.tag_moves import CHAMPION_TAG
from leapline.records import binding
from leapline.settings import Settings
from leapline.storage import Lake, write_json


def folder_of(lake: Lake) -> Path:
    """Return the root folder of a local lake."""
    assert lake.store.folder is not None
    return lake.store.folder


def attempts_of(lake: Lake, dataset: str, key: date | str) -> list[Path]:
    """Return the attempt folders of a key, committed or not."""
    return sorted((folder_of(lake) / lake.folder(dataset, key)).glob("attempt-*"))


def current_of(lake: Lake, dataset: str, key: date | str) -> Path:
    """Return the folder of the committed attempt."""
    return lake.copy(lake.current(dataset, key))


def record_model(lake: Lake, model_id: str, digest: str) -> None:
    """Write the record of a published model, as far as promotions read it."""
    with lake.attempt("models", model_id) as out:
        write_json(out / "publication.json", {"digest": digest})
        binding.seal(lake, out, {})


def make_champion(settings: Settings, digest: str) -> None:
    """Move the tag `champion` to an image of the repository, with an entry in the ledger."""
    tags = champion_tags(settings)
    current = tags.registry.digest(CHAMPION_TAG)
    if current == digest:
        return
    request = promotion_request(f"run-{uuid.uuid4().hex[:8]}", "test")
    assert tags.promote(digest, request, expected_current=current, allow_older=True).moved
