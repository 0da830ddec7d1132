"""The files of a committed attempt as local paths; those of a bucket are fetched when they are first used."""

import shutil
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final, Protocol

from leapline.storage.files import temporary_folder
from leapline.storage.heartbeat import HEARTBEAT
from leapline.storage.store import Store

COPIES_KEPT: Final = timedelta(days=1)
"""Age of the last fetch from which on a local copy of an attempt in a bucket is removed."""
SWEEP_INTERVAL: Final = timedelta(hours=1)
AT_ONCE: Final = 16
"""Files that are copied at the same time."""


class Folder(Protocol):
    """A folder of an attempt. `folder / name` is the local path of a file or subfolder, fetched if necessary."""

    @property
    def name(self) -> str:
        """The folder's name."""

    def __truediv__(self, name: str, /) -> Path:
        """Return the local path of a file or subfolder; it does not exist if the attempt has none."""


class FetchedFolder:
    """A committed attempt in a bucket, whose files are fetched when they are first used.

    Args:
        store: has the attempt.
        key: of the attempt.
        copy: local folder of the fetched files.
    """

    def __init__(self, store: Store, key: str, copy: Path) -> None:
        self.store, self.key, self.copy = store, key, copy
        self._fetched: set[str] = set()

    @property
    def name(self) -> str:
        """The attempt's name."""
        return self.copy.name

    def __truediv__(self, name: str, /) -> Path:
        """Return the local path of a file or subfolder, after fetching it."""
        path = self.copy / name
        if not path.is_file() and not (path.is_dir() and name in self._fetched):
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir() or not _download(self.store, f"{self.key}/{name}", path):
                fetch_folder(self.store, f"{self.key}/{name}", path)
            self._fetched.add(name)
        return path


def fetch_folder(store: Store, key: str, path: Path) -> None:
    """Copy the files below `key` to a local folder, except those that are there already."""
    missing = []
    for item in store.list(key):
        target = path / item.key.removeprefix(f"{key}/")
        if not target.exists() and not is_own(item.key):
            target.parent.mkdir(parents=True, exist_ok=True)
            missing.append((item.key, target))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda pair: _download(store, *pair), missing))


def _download(store: Store, key: str, path: Path) -> bool:
    """Copy a content to a new file, which appears when it is complete."""
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        if not store.download(key, partial):
            return False
        partial.replace(path)
        return True
    finally:
        partial.unlink(missing_ok=True)


def is_own(key: str) -> bool:
    """Return whether a file belongs to the lake and not to the dataset; earlier versions had a `.lock`."""
    return key.rpartition("/")[2] in (HEARTBEAT, ".lock")


class Copies:
    """Copies of attempts in a temporary folder of this process, shared by its lakes at one address.

    A web server lives for months, so copies from which nothing was fetched for a day are removed.
    """

    def __init__(self) -> None:
        self.folder = temporary_folder("leapline-lake-")
        self._swept = time.monotonic()

    def remove_unused(self) -> None:
        if time.monotonic() - self._swept < SWEEP_INTERVAL.total_seconds():
            return
        self._swept, oldest = time.monotonic(), time.time() - COPIES_KEPT.total_seconds()
        for attempt in self.folder.glob("*/*/attempt-*"):
            if attempt.stat().st_mtime < oldest:
                shutil.rmtree(attempt, ignore_errors=True)


@lru_cache
def copies_of(address: str) -> Copies:
    return Copies()
