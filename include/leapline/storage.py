"""The lake: folders that appear whole or not at all.

A dataset is a folder of keys (`events/date=2026-03-01/`). A writer fills an attempt folder beside the others; the last
act is to swap a small pointer file, so a reader sees the old state or the new one and never a mixture:

    events/date=2026-03-01/
        CURRENT              {"attempt": "attempt-1f2e...", "previous": "attempt-90ab...", "version": 1}
        attempt-1f2e.../     what readers follow
        attempt-90ab.../     what the pointer named before; kept for readers that had started
        attempt-77cd.../     a writer at work, or the remains of one that died (swept by the next commit)

A live writer holds a lock on its attempt's `.lock`; the lock goes with the process, `kill -9` included.
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
        root: the folder; made when first written to.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, dataset: str, key: date | str) -> Path:
        """Where a key's attempts stand: `<root>/<dataset>/date=<key>`, or `<root>/<dataset>/<key>` for a text key."""
        return self.root / dataset / (f"date={key.isoformat()}" if isinstance(key, date) else key)

    def has(self, dataset: str, key: date | str) -> bool:
        """Whether the key has a committed attempt."""
        return self._pointer(dataset, key) is not None

    def current(self, dataset: str, key: date | str) -> Path:
        """The committed attempt's folder.

        Raises:
            NotInLakeError: nothing was ever committed there.
            FormatVersionError: the attempt was written in a format version that this Leapline cannot read.
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
        """The days with a committed attempt, in order."""
        found = (p.parent.name.removeprefix("date=") for p in (self.root / dataset).glob(f"date=*/{POINTER}"))
        return sorted(date.fromisoformat(name) for name in found)

    def keys(self, dataset: str) -> list[str]:
        """The text keys with a committed attempt, in order."""
        return sorted(p.parent.name for p in (self.root / dataset).glob(f"*/{POINTER}"))

    @contextmanager
    def attempt(self, dataset: str, key: date | str) -> Iterator[Path]:
        """A new attempt folder; committed when the block ends well, removed when it does not.

        Raises:
            DiskFullError: no space was left.
            StorageError: the folder cannot be made, or was swept away meanwhile.
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
        known = dataset_of(dataset)
        version = {"version": known.version} if known else {}
        write_json(folder / POINTER, {"attempt": path.name, "previous": old.get("attempt")} | version)
        keep = {path.name, old.get("attempt")}
        for other in folder.glob("attempt-*"):
            if other.name not in keep and not _is_alive(other):
                shutil.rmtree(other, ignore_errors=True)

    def _pointer(self, dataset: str, key: date | str) -> dict[str, Any] | None:
        path = self.folder(dataset, key) / POINTER
        return read_json(path) if path.exists() else None


def read_json(path: Path, fix: str = "Run the step that writes it again.") -> Any:
    """A JSON file's content.

    Raises:
        StorageError: missing or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise StorageError(str(path), found=str(exc), expected="a JSON file", fix=fix) from exc


def _require_readable(dataset: str, key: date | str, pointer: dict[str, Any]) -> None:
    """Reject an attempt in an unknown format version; pointers written before versions existed count as version 1."""
    known, version = dataset_of(dataset), pointer.get("version", 1)
    if known is None or version in known.readable:
        return
    raise FormatVersionError(
        f"{dataset} of {key}",
        found=f"format version {version}",
        expected=f"format version {' or '.join(map(str, sorted(known.readable)))}",
        fix=f"Use the Leapline that wrote it, or write it again with this one: step {known.writer}.",
    )


def _run_first(dataset: str, key: date | str) -> str:
    known = dataset_of(dataset)
    if known is None or not isinstance(key, date):
        return f"Run the step that writes {dataset} for {key} first; `leapline models` lists what was made."
    return f"Run the step that writes it first: `leapline {known.writer.replace('_', '-')} --date {key}`."


def json_bytes(content: Any) -> bytes:
    """JSON with sorted keys and a last newline: equal content, equal bytes."""
    return (json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def write_json(path: Path, content: Any) -> None:
    """Write JSON with sorted keys, beside and then swapped in."""
    write_bytes(path, json_bytes(content))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all.

    Raises:
        DiskFullError: no space was left.
        StorageError: the place cannot be written.
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
    """Whether a living process still holds the attempt's lock."""
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
    try:
        yield
    except OSError as exc:
        if exc.errno == errno.ENOSPC:
            free = shutil.disk_usage(folder if folder.exists() else Path.cwd()).free
            raise DiskFullError(
                thing,
                found=f"ENOSPC, {free} bytes free under {folder}",
                expected="room for the step's output",
                fix="Free some space and run it again.",
            ) from exc
        raise StorageError(
            thing,
            found=str(exc),
            expected=f"a folder that can be written: {folder}",
            fix="Check the path and its permissions.",
        ) from exc
