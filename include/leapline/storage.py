"""The lake: datasets in folders that readers see completely or not at all.

A dataset is a folder with one subfolder per key (`events/date=2026-03-01/`). A writer fills a new attempt folder and
finally replaces a small pointer file, so a reader sees the old state or the new one, never a mixture:

    events/date=2026-03-01/
        CURRENT              {"attempt": "attempt-1f2e...", "previous": "attempt-90ab...", "version": 1}
        attempt-1f2e.../     the current result
        attempt-90ab.../     the previous result, kept for readers that are still using it
        attempt-77cd.../     a result being written, or left by a dead writer (the next commit removes it)

A writer holds a lock on the `.lock` file of its attempt; the operating system releases it when the process ends, even
after `kill -9`.
"""

import errno
import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from leapline.datasets import dataset as dataset_of
from leapline.errors import DiskFullError, FormatVersionError, NotInLakeError, StorageError

POINTER = "CURRENT"


class Lake:
    """Reads and writes datasets under one root folder.

    Args:
        root: the folder; created by the first write.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, dataset: str, key: date | str) -> Path:
        """Return the folder of a key's attempts: `<root>/<dataset>/date=<key>`, or `.../<key>` for a text key."""
        return self.root / dataset / (f"date={key.isoformat()}" if isinstance(key, date) else key)

    def has(self, dataset: str, key: date | str) -> bool:
        """Return whether the key has a committed attempt."""
        return self._pointer(dataset, key) is not None

    def current(self, dataset: str, key: date | str) -> Path:
        """Return the folder of the committed attempt.

        Raises:
            NotInLakeError: the key has no committed attempt.
            FormatVersionError: the attempt was written in a format version that this version of Leapline cannot read.
        """
        pointer = self._pointer(dataset, key)
        if pointer is None:
            raise NotInLakeError(
                f"{dataset} of {key}",
                found=f"nothing under {self.folder(dataset, key)}",
                expected="the result of an earlier step",
                fix=_run_first(dataset, key),
            )
        _require_readable(dataset, key, pointer)
        return self.folder(dataset, key) / str(pointer["attempt"])

    def days(self, dataset: str) -> list[date]:
        """Return the days with a committed attempt, in order."""
        names = (p.parent.name.removeprefix("date=") for p in (self.root / dataset).glob(f"date=*/{POINTER}"))
        return sorted(date.fromisoformat(name) for name in names)

    def keys(self, dataset: str) -> list[str]:
        """Return the text keys with a committed attempt, in order."""
        return sorted(p.parent.name for p in (self.root / dataset).glob(f"*/{POINTER}"))

    @contextmanager
    def attempt(self, dataset: str, key: date | str) -> Iterator[Path]:
        """Yield a new attempt folder; it is committed if the block succeeds, and removed if it raises.

        Raises:
            DiskFullError: no space was left.
            StorageError: the folder cannot be created, or was removed in the meantime.
        """
        folder = self.folder(dataset, key)
        path = folder / f"attempt-{uuid.uuid4().hex[:12]}"
        with _named_os_errors(f"{dataset} of {key}", folder):
            path.mkdir(parents=True)
            lock = (path / ".lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with _named_os_errors(f"{dataset} of {key}", folder):
                yield path
                self._commit(folder, path, dataset)
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)
            raise
        finally:
            lock.close()

    def _commit(self, folder: Path, path: Path, dataset: str) -> None:
        if not path.is_dir():
            raise FileNotFoundError(errno.ENOENT, "the attempt was removed while it was written", str(path))
        old = read_json(folder / POINTER) if (folder / POINTER).exists() else {}
        description = dataset_of(dataset)
        version = {"version": description.version} if description else {}
        write_json(folder / POINTER, {"attempt": path.name, "previous": old.get("attempt")} | version)
        keep = {path.name, old.get("attempt")}
        for other in folder.glob("attempt-*"):
            if other.name not in keep and not _is_alive(other):
                shutil.rmtree(other, ignore_errors=True)

    def _pointer(self, dataset: str, key: date | str) -> dict[str, Any] | None:
        path = self.folder(dataset, key) / POINTER
        return read_json(path) if path.exists() else None


def read_json(path: Path, fix: str = "Run the step that writes it again.") -> Any:
    """Return the content of a JSON file.

    Args:
        path: the file.
        fix: what to do about a missing or malformed file, for the error.

    Raises:
        StorageError: the file is missing or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise StorageError(str(path), found=str(exc), expected="a JSON file", fix=fix) from exc


def _require_readable(dataset: str, key: date | str, pointer: dict[str, Any]) -> None:
    """Reject an attempt in an unknown format version; pointers written before versions existed count as version 1."""
    description, version = dataset_of(dataset), pointer.get("version", 1)
    if description is None or version in description.readable:
        return
    raise FormatVersionError(
        f"{dataset} of {key}",
        found=f"format version {version}",
        expected=f"format version {' or '.join(map(str, sorted(description.readable)))}",
        fix=f"Use the version that wrote it, or write it again with this one: step {description.writer}.",
    )


def _run_first(dataset: str, key: date | str) -> str:
    description = dataset_of(dataset)
    if description is None or not isinstance(key, date):
        return f"Run the step that writes {dataset} for {key} first; `leapline models` lists the existing models."
    return f"Run the step that writes it first: `leapline {description.writer.replace('_', '-')} --date {key}`."


def json_bytes(content: Any) -> bytes:
    """Return JSON with sorted keys and a final newline, so that equal content has equal bytes."""
    return (json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def write_json(path: Path, content: Any) -> None:
    """Write JSON with sorted keys, as `write_bytes` does."""
    write_bytes(path, json_bytes(content))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically: to a temporary file first, which then replaces the target.

    Raises:
        DiskFullError: no space was left.
        StorageError: the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    with _named_os_errors(str(path), path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def _is_alive(attempt: Path) -> bool:
    """Return whether a running process still holds the lock of the attempt."""
    try:
        with (attempt / ".lock").open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


@contextmanager
def _named_os_errors(thing: str, folder: Path) -> Iterator[None]:
    """Turn errors of the operating system into errors that name `thing` and `folder`."""
    try:
        yield
    except OSError as exc:
        if exc.errno == errno.ENOSPC:
            free = shutil.disk_usage(folder if folder.exists() else Path.cwd()).free
            raise DiskFullError(
                thing,
                found=f"ENOSPC, {free:,} bytes free under {folder}",
                expected="space for the output of the step",
                fix="Free some space and run it again.",
            ) from exc
        raise StorageError(
            thing,
            found=str(exc),
            expected=f"a writable folder: {folder}",
            fix="Check the path and its permissions.",
        ) from exc
