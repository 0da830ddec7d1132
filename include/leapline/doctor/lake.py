"""Checks of the lake: that it can be written with conditions, who can read it, and what runs depend on in it."""

import os
import stat
import tempfile
import uuid
from collections.abc import Iterator
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Final

from leapline.datasets import DATASETS
from leapline.doctor.finding import Finding, NotApplicableError, ok, problem, warning
from leapline.doctor.subject import Subject
from leapline.formatting import quantity
from leapline.storage import Store, lake_of

MOST_FILES: Final = 50_000
"""Files whose permissions are read; more would take minutes on a network file system."""
_STORE_FIX: Final = "Use a store with atomic, conditional writes: a local folder, AWS, or an S3 service with If-Match."


def writable(subject: Subject) -> Finding:
    """Write, compare, replace and remove an object of a folder of its own."""
    store = lake_of(subject.settings).store
    if store.folder is not None and not store.folder.exists():
        return _can_be_created(store.folder)
    folder = f".doctor-{uuid.uuid4().hex[:12]}"
    try:
        fault = _fault(store, f"{folder}/probe")
    finally:
        store.delete_folder(folder)
    if fault:
        return problem(f"{store.address}: {fault}", expected="conditional writes with one winner", fix=_STORE_FIX)
    left = [item.key for item in store.list(folder)]
    if left:
        fix = "Allow deletion in the lake (s3:DeleteObject), and remove this object."
        return problem(f"{store.address}/{left[0]} cannot be removed", expected="objects that can be removed", fix=fix)
    return ok(f"{store.address}: written, compared, replaced and removed")


def _fault(store: Store, key: str) -> str:
    """Return what a store does wrong with a new object; empty if nothing."""
    if not store.put_if_absent(key, b"first"):
        return "an object that was just made up exists already"
    if store.put_if_absent(key, b"second"):
        return "a write that requires a new name replaced an object"
    stored = store.get(key)
    if stored is None or stored.content != b"first":
        return "it returned something else than was written"
    if store.put_if_match(key, b"third", _other_version(stored.version)):
        return "a write that requires another version replaced an object"
    if not store.put_if_match(key, b"third", stored.version):
        return "a write that requires the present version was refused"
    return ""


def _other_version(version: str) -> str:
    """Return a version of the same form that no content has had."""
    quote = '"' if version.startswith('"') else ""
    return f"{quote}{'0' * len(version.strip(chr(34)))}{quote}"


def _can_be_created(folder: Path) -> Finding:
    parent = next(path for path in folder.parents if path.exists())
    try:
        # Permissions alone do not say it: the file system may be read-only.
        tempfile.TemporaryDirectory(prefix=".leapline-doctor-", dir=parent).cleanup()
    except OSError as exc:
        fix = "Allow this user to write there, or set LEAPLINE_HOME to another folder."
        expected = f"a folder in which {folder} can be created"
        return problem(f"{parent} cannot be written: {exc.strerror}", expected=expected, fix=fix)
    return ok(f"{folder} does not exist yet; the first run creates it")


def permissions(subject: Subject) -> Finding:
    """Check that nobody else can read the lake, beyond what the setting `umask` allows."""
    settings = subject.settings
    forbidden = int(settings.umask, 8)
    if not settings.home.exists():
        raise NotApplicableError(f"There is no {settings.home} yet.")
    mode = stat.S_IMODE(settings.home.stat().st_mode)
    if not mode & forbidden & 0o077:
        return ok(f"{settings.home}, mode {mode:04o}")
    exposed = list(islice(_readable_files(settings.home, forbidden), 1001))
    fix = f"Run `chmod -R go-rwx {settings.home}`, or set LEAPLINE_UMASK=027 if the group may read it."
    expected = f"files without the permissions {settings.umask} (LEAPLINE_UMASK)"
    if exposed:
        number = f"{len(exposed)}" if len(exposed) <= 1000 else "more than 1,000"
        return problem(f"other users can read {number} files, such as {exposed[0]}", expected=expected, fix=fix)
    state = f"other users can list {settings.home} (mode {mode:04o}), but read no file"
    return warning(state, expected=expected, fix=fix)


def _readable_files(root: Path, forbidden: int) -> Iterator[Path]:
    """Yield files that have a forbidden permission, in folders that do not prevent its use."""
    number = 0
    for folder, names, files in os.walk(root):
        for name in files:
            number += 1
            if number > MOST_FILES:
                return
            path = Path(folder, name)
            status = path.lstat()
            if stat.S_ISREG(status.st_mode) and status.st_mode & forbidden & 0o044:
                yield path
        names[:] = [name for name in names if Path(folder, name).stat().st_mode & forbidden & 0o011]


def formats(subject: Subject) -> Finding:
    """Check that this version can read the newest result of each dataset."""
    lake, read = lake_of(subject.settings), 0
    for dataset in DATASETS:
        names = sorted(lake.store.scan(dataset.name).folders)[-1:]
        for key in (date.fromisoformat(name.removeprefix("date=")) if dataset.by_day else name for name in names):
            if lake.has(dataset.name, key):
                lake.current(dataset.name, key)
                read += 1
    return ok(f"the newest result of {quantity(read, 'dataset')}" if read else "no results yet")


def documents(subject: Subject) -> Finding:
    """Read the documents that every run depends on: the lake's id, and the list of erased visitors."""
    from leapline.privacy.exclusions import excluded_visitors
    from leapline.promotion.lake_id import lake_id

    lake = lake_of(subject.settings)
    number = len(excluded_visitors(lake))
    return ok(f"lake {lake_id(lake.store) or 'without an id yet'}, {quantity(number, 'erased visitor')}")
