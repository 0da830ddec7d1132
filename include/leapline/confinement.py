"""Confine a process that reads a model: another user, limits, and files of its own.

Models come from registries, and a fault in a parser must not reach the keys and the lake of the user who checks them.
The process therefore gets an empty environment and a private folder (`scorer_process`), and here

* on Linux as root: the user `nobody`, who can read none of the private files of this installation;
* everywhere: limits on memory, processor time, the size of files it writes, and open files; no core dump, a process
  group of its own, and new files that only it can read.

On Linux as root it also has a network of its own (`leapline.serving.private_network`); elsewhere it listens on loopback
only, but may open connections.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

NOBODY: Final = 65534
"""User and group without rights, the same number on all Linux distributions."""
IS_LINUX: Final = sys.platform == "linux"


@dataclass(frozen=True)
class Limits:
    """What a process may use.

    Attributes:
        memory_bytes: of private memory; a scorer with a forest of 100 MB needs 0.5 GB.
        cpu_seconds: processor time of all its threads; it is killed after that.
        file_bytes: the size of each file that it writes; its log is one.
        open_files: also counts connections.
    """

    memory_bytes: int = 4 << 30
    cpu_seconds: int = 3600
    file_bytes: int = 64 << 20
    open_files: int = 1024


def changes_user() -> bool:
    """Return whether processes run as another user here."""
    return IS_LINUX and os.geteuid() == 0


def popen_options(folder: Path) -> dict[str, Any]:
    """Return arguments of `subprocess.Popen` for a confined process.

    Args:
        folder: its working folder; given to the other user with everything in it.
    """
    options: dict[str, Any] = {"umask": 0o077, "start_new_session": True}
    if not changes_user():
        return options
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    return options | {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def limited(argv: Sequence[str], limits: Limits) -> list[str]:
    """Return a command that runs a program with limits.

    The shell sets them, because a parent may not limit a child of another user in a container, and must not lower its
    own limits. A limit of this process that is lower already stays.
    """
    values = {
        "c": 0,
        "t": limits.cpu_seconds,
        "d": limits.memory_bytes // 1024,
        "f": limits.file_bytes // 512,
        "n": limits.open_files,
    }
    commands = [f"ulimit -{letter} {value} 2>/dev/null" for letter, value in values.items()]
    return ["/bin/sh", "-c", "; ".join([*commands, "unset PWD OLDPWD SHLVL", 'exec "$@"']), "sh", *argv]
