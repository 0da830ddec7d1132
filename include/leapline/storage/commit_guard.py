"""Checks that are made before every commit of the process, so that a run that lost its day commits nothing more."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_checks: list[Callable[[], None]] = []


@contextmanager
def guarded_commits(check: Callable[[], None]) -> Iterator[None]:
    """Call `check` before each commit during the block, by whatever thread; if it raises, nothing is committed."""
    with _lock:
        _checks.append(check)
    try:
        yield
    finally:
        with _lock:
            _checks.remove(check)


def check_commit() -> None:
    """Make the checks; called right before a pointer is swapped."""
    with _lock:
        checks = list(_checks)
    for check in checks:
        check()
