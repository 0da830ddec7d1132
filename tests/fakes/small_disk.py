"""A file system of its own with little space, for tests of full disks."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    """Mount a file system in memory at a new folder; skip the test where that is not allowed."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "leapline-tests", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("FULL DISKS UNTESTED: there is no command `mount`")
    if done.returncode:
        pytest.skip(f"FULL DISKS UNTESTED: only root can mount a small file system: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path, leave: int = 0) -> None:
    """Write a file until only about `leave` bytes are free."""
    usage = os.statvfs(disk)
    with suppress(OSError), (disk / "filler").open("wb", buffering=0) as out:
        out.write(bytes(max(0, usage.f_bavail * usage.f_frsize - leave)))
        while not leave:
            out.write(bytes(4096))


def files_below(disk: Path) -> set[str]:
    """Return the names of the files on a disk, but for the filler and locks, which have no content."""
    paths = (path for path in disk.rglob("*") if path.is_file() and path.name not in {"filler", ".lock"})
    return {path.relative_to(disk).as_posix() for path in paths}
