"""Folders for exported events. They hold personal data, so only this user can read them, and they do not last.

    source-exports/<id>/.heartbeat     refreshed while the export is in use
    source-exports/<id>/0007.zst       lines of the enriched format

A folder is removed when its export is closed. One whose process was killed is removed by the next export, when its
heartbeat is old by the clock of the store.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Final

from leapline.storage import Store
from leapline.storage.heartbeat import ABANDONED, HEARTBEAT, beating

FOLDER: Final = "source-exports"


@contextmanager
def export_folder(store: Store) -> Iterator[str]:
    """Yield the key of a new folder, and remove it at the end.

    Args:
        store: where it is made; in a local one, only the user of this process can read it.

    Raises:
        StorageError: it cannot be made.
    """
    folder = f"{FOLDER}/{uuid.uuid4().hex[:12]}"
    if store.folder is not None:
        store.folder.mkdir(parents=True, exist_ok=True)
        (store.folder / FOLDER).mkdir(mode=0o700, exist_ok=True)
        (store.folder / folder).mkdir(mode=0o700)
    beat = f"{folder}/{HEARTBEAT}"
    try:
        store.put(beat, b"")
        _sweep(store, beat)
        with beating(store, beat):
            yield folder
    finally:
        store.delete_folder(folder)


def create_private(path: Path) -> IO[bytes]:
    """Create a file that only the user of this process can read."""
    return os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")


def _sweep(store: Store, heartbeat: str) -> None:
    """Remove the folders in which nothing was written or refreshed for a while."""
    newest: dict[str, datetime] = {}
    for item in store.list(FOLDER):
        folder = "/".join(item.key.split("/")[:2])
        newest[folder] = max(item.modified, newest.get(folder, item.modified))
    now = newest[heartbeat.rpartition("/")[0]]
    for folder, modified in newest.items():
        if now - modified > ABANDONED:
            store.delete_folder(folder)
