"""Remove what dead writers have left: attempts that were never committed, and files that were to replace others.

Nothing of it is visible to readers, but it takes space, and may have rows of visitors. A writer is taken for dead when
its heartbeat is older than `ABANDONED`, by the clock of the store.
"""

import re
from collections.abc import Collection, Iterator
from datetime import date, datetime
from typing import Final

from leapline.datasets import DATASETS
from leapline.errors import StorageError
from leapline.storage import heartbeat
from leapline.storage.heartbeat import HEARTBEAT
from leapline.storage.store import Store, read_document

POINTER: Final = "CURRENT"
_PROBE: Final = ".now"
_TEMPORARY: Final = re.compile(r"\..+\.[0-9a-f]{8}")
"""A file that `write_bytes` has not renamed yet."""
_OTHER_FOLDERS: Final = ("", "day-owners", "erasure-requests", "erasures", "history", "late")


def sweep(store: Store, days: Collection[date] | None = None) -> list[str]:
    """Remove what dead writers have left.

    Args:
        store: of the lake.
        days: only look at these days of the datasets; at everything if None.

    Returns:
        The keys that were removed: attempts and files.
    """
    now = _now(store)
    folders = list(_keys(store, days))
    removed = [key for folder in folders for key in remove_abandoned(store, folder, now)]
    if store.folder is not None:  # Writes to buckets need no temporary files.
        runs = [f"runs/{name}" for name in store.scan("runs").folders]
        for folder in (*folders, *_OTHER_FOLDERS, *runs):
            removed += _remove_temporary(store, folder, now)
    return removed


def remove_abandoned(store: Store, folder: str, now: datetime) -> list[str]:
    """Remove the attempts of one key that the pointer does not name and whose writer is dead; return their keys.

    The pointer is read again after the listings: an attempt without a heartbeat in them was committed before, so the
    pointer has named it by then. Nothing is removed under a damaged pointer.
    """
    try:
        names = [name for name in store.scan(folder).folders if name.startswith("attempt-")]
        keys = [f"{folder}/{name}" for name in names if name not in _named(store, folder)]
        dead = [key for key in keys if _is_dead(store, key, now)]
        still_named = _named(store, folder) if dead else frozenset()
    except StorageError:
        return []
    removed = [key for key in dead if key.rpartition("/")[2] not in still_named]
    for key in removed:
        store.delete_folder(key)
    return removed


def _keys(store: Store, days: Collection[date] | None) -> Iterator[str]:
    selected = None if days is None else {f"date={day.isoformat()}" for day in days}
    for dataset in DATASETS:
        for name in store.scan(dataset.name).folders:
            if selected is None or not dataset.by_day or name in selected:
                yield f"{dataset.name}/{name}"


def _named(store: Store, folder: str) -> frozenset[str]:
    """Return the attempts that the pointer names: the current one, and the one before it, which readers may use."""
    pointer = read_document(store, f"{folder}/{POINTER}") or {}
    return frozenset(name for name in (pointer.get("attempt"), pointer.get("previous")) if name)


def _is_dead(store: Store, attempt: str, now: datetime) -> bool:
    items, beat = list(store.list(attempt)), f"{attempt}/{HEARTBEAT}"
    if beat not in {item.key for item in items}:
        return True
    return heartbeat.is_abandoned(store, beat, max(item.modified for item in items), now)


def _remove_temporary(store: Store, folder: str, now: datetime) -> list[str]:
    items = [item for item in store.scan(folder).items if _TEMPORARY.fullmatch(item.key.rpartition("/")[2])]
    old = [item.key for item in items if abs(now - item.modified) > heartbeat.ABANDONED]
    for key in old:
        store.delete(key)
    return old


def _now(store: Store) -> datetime:
    """Return the present time by the clock of the store."""
    store.put(_PROBE, b"")
    try:
        return next(item.modified for item in store.scan("").items if item.key == _PROBE)
    finally:
        store.delete(_PROBE)
