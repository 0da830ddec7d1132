"""Ends a process with all its descendants at once, as when its machine is lost."""

from contextlib import suppress

import psutil


def kill_tree(pid: int) -> None:
    """Send SIGKILL to a process and all its descendants, and wait until they have gone."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        lost = [process, *process.children(recursive=True)]
        for each in lost:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        psutil.wait_procs(lost, timeout=20)
