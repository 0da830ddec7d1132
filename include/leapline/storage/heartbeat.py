"""The sign that the writer of an attempt is alive: a file that it refreshes."""

from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Final

from leapline.storage.background import repeated
from leapline.storage.store import Store

HEARTBEAT: Final = ".heartbeat"
HEARTBEAT_INTERVAL: Final = timedelta(minutes=1)
ABANDONED: Final = timedelta(minutes=15)
"""Age of the heartbeat from which on an attempt counts as abandoned."""


def beating(store: Store, key: str) -> AbstractContextManager[None]:
    """Refresh a heartbeat until the block ends; the commit checks that it is still there."""
    return repeated(lambda: store.touch(key), HEARTBEAT_INTERVAL)
