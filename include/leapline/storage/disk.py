"""Full disks: which file system is full, how much is free on it, and how much was needed."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from leapline.errors import DiskFullError

_CODES: Final = {errno.ENOSPC: "ENOSPC", errno.EDQUOT: "EDQUOT (quota)"}


@contextmanager
def named_full_disk(thing: str, *folders: Path) -> Iterator[None]:
    """Turn the error of a full disk in the block into one that names the file system.

    Args:
        thing: what could not be written, unless the error names a file.
        folders: where the block writes, besides the folder of temporary files.

    Raises:
        DiskFullError: no space was left.
    """
    try:
        yield
    except OSError as exc:
        if not is_full(exc):
            raise
        raise disk_full(thing, folders, code=code_of(exc)) from exc


def is_full(exc: OSError) -> bool:
    """Return whether an error means that no space is left, on the disk or in the user's quota."""
    return exc.errno in _CODES


def code_of(exc: OSError) -> str:
    """Return the name of the operating system's error."""
    return _CODES[exc.errno or 0]


def disk_full(thing: str, folders: Iterable[Path], needed: str = "", code: str = "ENOSPC") -> DiskFullError:
    """Return the error about the fullest of the file systems that were written to.

    Args:
        thing: what could not be written.
        folders: where it was written to; the folder of temporary files is considered too, unless bytes are `needed`.
        needed: how many bytes, as text; empty if nobody can know, as in a table that Spark writes.
        code: the operating system's name of the error.
    """
    candidates = list(folders) if needed else [*folders, Path(tempfile.gettempdir())]
    places = {place: shutil.disk_usage(place) for place in map(file_system_of, candidates)}
    place = min(places, key=lambda path: places[path].free)
    return DiskFullError(
        thing,
        found=f"{code}, {places[place].free:,} of {places[place].total:,} bytes free on the file system {place}",
        expected=f"{needed or 'an unknown number of'} bytes, which the output needs there",
        fix="Free some space and run it again; nothing was published, and what was written is removed.",
    )


def file_system_of(folder: Path) -> Path:
    """Return the root of the file system on which a folder is, or would be created."""
    path = folder.absolute()
    while not path.exists():
        path = path.parent
    path = path.resolve()
    while not os.path.ismount(path):
        path = path.parent
    return path


def size_of(folder: Path) -> int:
    """Return the bytes of the files below a folder; files that disappear meanwhile are left out."""
    sizes = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                sizes += Path(parent, name).stat().st_size
            except FileNotFoundError:
                continue
    return sizes
