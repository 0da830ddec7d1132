"""Lakes in local folders, as the tests look into them."""

from datetime import date
from pathlib import Path

from leapline.storage import Lake


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
