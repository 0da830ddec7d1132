"""Which attempts of datasets a step reads and commits, recorded as it happens.

A step's report contains them, so that lineage is what was used and not what somebody wrote down about the step.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, order=True)
class Attempt:
    """An attempt of a dataset.

    Args:
        dataset: the dataset's name.
        key: a data day as `YYYY-MM-DD`, or a text key.
        name: of the attempt's folder.
    """

    dataset: str
    key: str
    name: str


@dataclass
class Usage:
    """The attempts that were read and committed within `recorded_usage`, by all threads of the process."""

    read: set[Attempt] = field(default_factory=set)
    committed: set[Attempt] = field(default_factory=set)


_lock = threading.Lock()
_recording: list[Usage] = []


@contextmanager
def recorded_usage() -> Iterator[Usage]:
    """Record the process's use of its lakes during the block; blocks may be nested."""
    usage = Usage()
    with _lock:
        _recording.append(usage)
    try:
        yield usage
    finally:
        with _lock:
            _recording[:] = [other for other in _recording if other is not usage]


def note_read(dataset: str, key: object, name: str) -> None:
    """Record that an attempt is read, unless the step has committed it itself."""
    attempt = Attempt(dataset, str(key), name)
    with _lock:
        for usage in _recording:
            if attempt not in usage.committed:
                usage.read.add(attempt)


def note_committed(dataset: str, key: object, name: str) -> None:
    """Record that an attempt was committed."""
    with _lock:
        for usage in _recording:
            usage.committed.add(Attempt(dataset, str(key), name))
