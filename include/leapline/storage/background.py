"""Refreshing something in the store while a block runs: heartbeats and leases."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from leapline.errors import StorageError


@contextmanager
def repeated(action: Callable[[], bool], interval: timedelta) -> Iterator[None]:
    """Call `action` in a thread after every interval, until the block ends or it returns False.

    A StorageError counts as True: the next call may succeed, and whoever depends on the result checks it.
    """
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(interval.total_seconds()):
            try:
                if not action():
                    return
            except StorageError:
                continue

    thread = threading.Thread(target=work, name="refresh", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
