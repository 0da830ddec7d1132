"""The sign that the writer of an attempt is alive: a file that it refreshes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from leapline.errors import StorageError
from leapline.storage.store import Store

HEARTBEAT: Final = ".heartbeat"
HEARTBEAT_INTERVAL: Final = timedelta(minutes=1)
ABANDONED: Final = timedelta(minutes=15)
"""Age of the heartbeat from which on an attempt counts as abandoned."""


@contextmanager
def beating(store: Store, key: str) -> Iterator[None]:
    """Refresh a heartbeat until the block ends. A failed refresh is repeated: the commit checks the result."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(HEARTBEAT_INTERVAL.total_seconds()):
            try:
                if not store.touch(key):
                    return
            except StorageError:
                continue

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
