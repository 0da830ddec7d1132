"""The sign that the writer of an attempt is alive: a file that it refreshes, and that names its process.

Times are those of the store, so several machines need not have the same clock. But the store's own clock may jump: of a
folder it is that of this machine. A writer on this machine is therefore also looked for among the processes.
"""

import json
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from leapline.storage.background import repeated
from leapline.storage.files import json_bytes
from leapline.storage.store import Store

HEARTBEAT: Final = ".heartbeat"
HEARTBEAT_INTERVAL: Final = timedelta(minutes=1)
ABANDONED: Final = timedelta(minutes=15)
"""Age of the heartbeat from which on an attempt counts as abandoned, unless its process runs on this machine."""
_PROC: Final = Path("/proc")
_ENDED: Final = "ZXx"
"""States of a process that has ended, but whose parent has not asked how."""
_START_TIME: Final = 19
"""Place of the start time in `/proc/<pid>/stat`, counted from the state, which follows the name."""


def beating(store: Store, key: str) -> AbstractContextManager[None]:
    """Refresh a heartbeat until the block ends; the commit checks that it is still there."""
    return repeated(lambda: store.touch(key), HEARTBEAT_INTERVAL)


def this_writer() -> bytes:
    """Return the content of a heartbeat of this process."""
    return json_bytes(_process(os.getpid()))


def is_abandoned(store: Store, key: str, newest: datetime, now: datetime) -> bool:
    """Return whether an attempt may be removed.

    Args:
        store: has the heartbeat.
        key: of the heartbeat.
        newest: when a file of the attempt was last written; after `now` if the clock was put back since.
        now: by the same clock.
    """
    if abs(now - newest) <= ABANDONED:
        return False
    heartbeat = store.get(key)
    return heartbeat is None or not _runs_here(heartbeat.content)


def _runs_here(content: bytes) -> bool:
    """Return whether the process that a heartbeat names runs on this machine; earlier versions name none."""
    try:
        writer = json.loads(content or b"null")
        return bool(writer) and _process(int(writer["pid"])) == writer
    except (ValueError, TypeError, KeyError):
        return False


def _process(pid: int) -> Mapping[str, object]:
    """Return what identifies a process beyond this machine and its restarts; nothing if that cannot be known."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        namespace = (_PROC / "self/ns/pid").readlink().name
        status = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return {}
    if status[0] in _ENDED:
        return {}
    return {"boot": boot, "pids": namespace, "pid": pid, "started": status[_START_TIME]}
