"""A lock in a store without locks: an object that its holder refreshes, and that is taken over when it stays unchanged.

    free --put if absent--> held --refreshed every INTERVAL--> held --deleted by its holder--> free
                              |
                              +-- unchanged for EXPIRY --put if match, by another process--> held by that process

Whether the holder is alive is judged by changes of the object during the wait, so that the clocks of several machines
do not matter. A holder that was suspended for longer than EXPIRY may find its lock taken over; what the lock protects
must therefore bear that (promotions read the tag again and record their intent).
"""

import itertools
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Final

from leapline.errors import StorageError
from leapline.storage.background import repeated
from leapline.storage.store import Store

INTERVAL: Final = timedelta(seconds=10)
EXPIRY: Final = timedelta(seconds=60)
MAX_WAIT: Final = timedelta(minutes=10)
"""How long a process waits for the lock."""
_POLL: Final = timedelta(seconds=0.5)


@contextmanager
def lease(store: Store, key: str, expiry: timedelta = EXPIRY) -> Iterator[None]:
    """Hold the lock `key`; wait until it is free or has expired.

    Args:
        store: keeps the lock.
        key: the lock's name.
        expiry: how long the lock of a dead process lasts.

    Raises:
        StorageError: another process kept the lock for longer than `MAX_WAIT`.
    """
    owner = uuid.uuid4().hex
    _acquire(store, key, owner, expiry)
    counter = itertools.count(1)

    def refresh() -> bool:
        version = _version(store, key, owner)
        return bool(version) and store.put_if_match(key, _content(owner, next(counter)), version)

    try:
        with repeated(refresh, INTERVAL):
            yield
    finally:
        with suppress(StorageError):
            if _version(store, key, owner):
                store.delete(key)


def _acquire(store: Store, key: str, owner: str, expiry: timedelta) -> None:
    started = unchanged_since = time.monotonic()
    seen = None
    while not store.put_if_absent(key, _content(owner, 0)):
        present, now = store.get(key), time.monotonic()
        if present and present.content.startswith(owner.encode()):
            return  # The answer to the write was lost, and the client repeated it.
        if present is None or present.version != seen:
            seen, unchanged_since = present.version if present else None, now
        elif now - unchanged_since > expiry.total_seconds() and store.put_if_match(
            key, _content(owner, 0), present.version
        ):
            return
        if now - started > MAX_WAIT.total_seconds():
            raise StorageError(
                f"lock {store.address}/{key}",
                found=f"held by another process for {MAX_WAIT // timedelta(minutes=1)} minutes",
                expected="a lock that is free",
                fix="Wait until the other run has finished, then run it again.",
            )
        time.sleep(_POLL.total_seconds())


def _version(store: Store, key: str, owner: str) -> str:
    """Return the version of the lock while it belongs to the owner, otherwise an empty text."""
    present = store.get(key)
    return present.version if present and present.content.startswith(owner.encode()) else ""


def _content(owner: str, count: int) -> bytes:
    return f"{owner} {count}\n".encode()
