"""The lake: datasets in folders that readers see completely or not at all.

A dataset is a folder with one subfolder per key (`events/date=2026-03-01/`). A writer fills a new attempt folder and
finally swaps a small pointer on condition that nobody else has swapped it meanwhile, so a reader sees the old state or
the new one, never a mixture, and no writer loses another's result:

    events/date=2026-03-01/
        CURRENT              {"attempt": "attempt-1f2e...", "previous": "attempt-90ab...", "version": 1}
        attempt-1f2e.../     the current result
        attempt-90ab.../     the previous result, kept for readers that are still using it
        attempt-77cd.../     a result being written, or left by a dead writer

A writer refreshes the file `.heartbeat` of its attempt. The next commit removes an attempt whose heartbeat is older
than `ABANDONED`, by the clock of the store, so that the clocks of several machines do not matter.

In a local folder, attempts are written in place. In a bucket, Spark writes tables in place, and other files are written
to a temporary folder of this process first and uploaded before the commit.
"""

import atexit
import shutil
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Protocol

from leapline.datasets import dataset as dataset_of
from leapline.errors import FormatVersionError, NotInLakeError, StorageError
from leapline.storage.files import json_bytes, named_os_errors, parse_json
from leapline.storage.local import LocalStore
from leapline.storage.store import Item, Store, update

POINTER: Final = "CURRENT"
HEARTBEAT: Final = ".heartbeat"
HEARTBEAT_INTERVAL: Final = timedelta(minutes=1)
ABANDONED: Final = timedelta(minutes=15)
"""Age of the heartbeat from which on an attempt counts as abandoned."""
COPIES_KEPT: Final = timedelta(days=1)
"""Age of the last fetch from which on a local copy of an attempt in a bucket is removed."""
SWEEP_INTERVAL: Final = timedelta(hours=1)
_AT_ONCE: Final = 16
"""Files that are copied at the same time."""


class Folder(Protocol):
    """A folder of an attempt. `folder / name` is the local path of a file or subfolder, fetched if necessary."""

    @property
    def name(self) -> str:
        """The folder's name."""

    def __truediv__(self, name: str, /) -> Path:
        """Return the local path of a file or subfolder; it does not exist if the attempt has none."""


class FetchedFolder:
    """A committed attempt in a bucket, whose files are fetched when they are first used.

    Args:
        store: has the attempt.
        key: of the attempt.
        copy: local folder of the fetched files.
    """

    def __init__(self, store: Store, key: str, copy: Path) -> None:
        self.store, self.key, self.copy = store, key, copy
        self._fetched: set[str] = set()

    @property
    def name(self) -> str:
        """The attempt's name."""
        return self.copy.name

    def __truediv__(self, name: str, /) -> Path:
        """Return the local path of a file or subfolder, after fetching it."""
        path = self.copy / name
        if not path.is_file() and not (path.is_dir() and name in self._fetched):
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir() or not _download(self.store, f"{self.key}/{name}", path):
                fetch_folder(self.store, f"{self.key}/{name}", path)
            self._fetched.add(name)
        return path


class Lake:
    """Reads and writes datasets in a store.

    Args:
        root: the store, or a local folder, which the first write creates.
    """

    def __init__(self, root: Path | Store) -> None:
        self.store: Store = LocalStore(root) if isinstance(root, Path) else root

    def folder(self, dataset: str, key: date | str) -> str:
        """Return the key of a key's attempts in the store: `<dataset>/date=<key>`, or `.../<key>` for a text key."""
        return f"{dataset}/" + (f"date={key.isoformat()}" if isinstance(key, date) else key)

    def has(self, dataset: str, key: date | str) -> bool:
        """Return whether the key has a committed attempt."""
        return self._pointer(dataset, key) is not None

    def current(self, dataset: str, key: date | str) -> Folder:
        """Return the folder of the committed attempt.

        Raises:
            NotInLakeError: the key has no committed attempt.
            FormatVersionError: the attempt was written in a format version that this version of Leapline cannot read.
        """
        pointer = self._pointer(dataset, key)
        if pointer is None:
            raise NotInLakeError(
                f"{dataset} of {key}",
                found=f"nothing under {self.store.address}/{self.folder(dataset, key)}",
                expected="the result of an earlier step",
                fix=_run_first(dataset, key),
            )
        _require_readable(dataset, key, pointer)
        attempt = f"{self.folder(dataset, key)}/{pointer['attempt']}"
        if self.store.folder is not None:
            return self.store.folder / attempt
        _copies_of(self.store.address).remove_unused()
        return FetchedFolder(self.store, attempt, self._copies / attempt)

    def days(self, dataset: str) -> list[date]:
        """Return the days with a committed attempt, in order."""
        names = (name.removeprefix("date=") for name in self.keys(dataset) if name.startswith("date="))
        return [date.fromisoformat(name) for name in names]

    def keys(self, dataset: str) -> list[str]:
        """Return the text keys with a committed attempt, in order."""
        names = sorted(self.store.scan(dataset).folders)
        committed = self.store.exist([f"{dataset}/{name}/{POINTER}" for name in names])
        return [name for name, exists in zip(names, committed, strict=True) if exists]

    def address(self, folder: Folder, name: str) -> str:
        """Return the address under which Spark reads or writes a table of an attempt, committed or not."""
        if self.store.folder is not None:
            return str(folder / name)
        return self.store.spark_address(f"{self._key_of(folder)}/{name}")

    def copy(self, folder: Folder) -> Path:
        """Return a local folder with all files of an attempt, committed or not: itself if it is local."""
        if self.store.folder is not None:
            return folder / ""
        key = self._key_of(folder)
        fetch_folder(self.store, key, self._copies / key)
        return self._copies / key

    def files(self, folder: Folder) -> Iterator[Item]:
        """Yield the files of a committed attempt; keys are those of the store."""
        key = self._key_of(folder)
        return (item for item in self.store.list(key) if not _is_own(item.key))

    @contextmanager
    def attempt(self, dataset: str, key: date | str) -> Iterator[Path]:
        """Yield a local folder for a new attempt; it is committed if the block succeeds, and removed if it raises.

        Tables that Spark writes belong at `address(folder, name)`.

        Raises:
            DiskFullError: no space was left.
            StorageError: the attempt cannot be written, or was removed in the meantime.
        """
        attempt = f"{self.folder(dataset, key)}/attempt-{uuid.uuid4().hex[:12]}"
        path = self._copies / attempt
        thing = f"{dataset} of {key}"
        self.store.put(f"{attempt}/{HEARTBEAT}", b"")
        try:
            with _heartbeat(self.store, f"{attempt}/{HEARTBEAT}"), named_os_errors(thing, path.parent):
                path.mkdir(parents=True, exist_ok=True)
                yield path
                self._upload(attempt, path)
                self._commit(dataset, key, path.name)
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)
            with suppress(StorageError):
                self.store.delete_folder(attempt)
            raise

    def _commit(self, dataset: str, key: date | str, attempt: str) -> None:
        folder = self.folder(dataset, key)
        heartbeat = f"{folder}/{attempt}/{HEARTBEAT}"
        if not all(self.store.exist([heartbeat])):
            raise StorageError(
                f"{dataset} of {key}",
                found=f"{attempt} was removed while it was written",
                expected=f"an attempt with a heartbeat that is not older than {ABANDONED // timedelta(minutes=1)} min",
                fix="Run the step again.",
            )
        description = dataset_of(dataset)
        version = {"version": description.version} if description else {}
        pointer = f"{folder}/{POINTER}"

        def swapped(present: bytes | None) -> bytes:
            old = parse_json(present, pointer) if present else {}
            return json_bytes({"attempt": attempt, "previous": old.get("attempt")} | version)

        update(self.store, pointer, swapped)
        self.store.delete(heartbeat)
        self._sweep(folder)

    def _sweep(self, folder: str) -> None:
        """Remove the attempts that are neither named by the pointer nor being written.

        The listing comes before the pointer: what was committed after the listing has a heartbeat in it or is named.
        """
        newest: dict[str, datetime] = {}
        beating: dict[str, datetime] = {}
        for item in self.store.list(folder):
            name = item.key.removeprefix(f"{folder}/").split("/")[0]
            newest[name] = max(item.modified, newest.get(name, item.modified))
            if item.key.endswith(f"/{HEARTBEAT}"):
                beating[name] = item.modified
        present = self.store.get(f"{folder}/{POINTER}")
        if present is None:
            return
        pointer, now = parse_json(present.content, f"{folder}/{POINTER}"), newest[POINTER]
        for name in newest:
            alive = name in beating and newest[name] > now - ABANDONED
            if name.startswith("attempt-") and name not in (pointer["attempt"], pointer["previous"]) and not alive:
                self.store.delete_folder(f"{folder}/{name}")

    def _upload(self, attempt: str, path: Path) -> None:
        """Copy an attempt's local files into the store, except those that Spark has written there."""
        if self.store.folder is not None:
            return
        there = {item.key for item in self.store.list(attempt)}
        files = {f"{attempt}/{file.relative_to(path).as_posix()}": file for file in path.rglob("*") if file.is_file()}
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(lambda key: self.store.upload(key, files[key]), [key for key in files if key not in there]))

    def _key_of(self, folder: Folder) -> str:
        if isinstance(folder, FetchedFolder):
            return folder.key
        return (folder / "").relative_to(self._copies).as_posix()

    @property
    def _copies(self) -> Path:
        """The lake's own folder, or a temporary one of this process for a lake in a bucket."""
        return self.store.folder if self.store.folder is not None else _copies_of(self.store.address).folder

    def _pointer(self, dataset: str, key: date | str) -> dict[str, Any] | None:
        name = f"{self.folder(dataset, key)}/{POINTER}"
        present = self.store.get(name)
        return parse_json(present.content, f"{self.store.address}/{name}") if present else None


def fetch_folder(store: Store, key: str, path: Path) -> None:
    """Copy the files below `key` to a local folder, except those that are there already."""
    missing = []
    for item in store.list(key):
        target = path / item.key.removeprefix(f"{key}/")
        if not target.exists() and not _is_own(item.key):
            target.parent.mkdir(parents=True, exist_ok=True)
            missing.append((item.key, target))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(lambda pair: _download(store, *pair), missing))


def _download(store: Store, key: str, path: Path) -> bool:
    """Copy a content to a new file, which appears when it is complete."""
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        if not store.download(key, partial):
            return False
        partial.replace(path)
        return True
    finally:
        partial.unlink(missing_ok=True)


def _is_own(key: str) -> bool:
    """Return whether a file belongs to the lake and not to the dataset; earlier versions had a `.lock`."""
    return key.rpartition("/")[2] in (HEARTBEAT, ".lock")


class _Copies:
    """Copies of attempts in a temporary folder of this process, shared by its lakes at one address.

    A web server lives for months, so copies from which nothing was fetched for a day are removed.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="leapline-lake-"))
        self._swept = time.monotonic()
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)

    def remove_unused(self) -> None:
        if time.monotonic() - self._swept < SWEEP_INTERVAL.total_seconds():
            return
        self._swept, oldest = time.monotonic(), time.time() - COPIES_KEPT.total_seconds()
        for attempt in self.folder.glob("*/*/attempt-*"):
            if attempt.stat().st_mtime < oldest:
                shutil.rmtree(attempt, ignore_errors=True)


@lru_cache
def _copies_of(address: str) -> _Copies:
    return _Copies()


@contextmanager
def _heartbeat(store: Store, key: str) -> Iterator[None]:
    """Refresh a heartbeat until the block ends. A failed refresh is repeated: the commit checks the result."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(HEARTBEAT_INTERVAL.total_seconds()):
            try:
                if not store.touch(key):
                    return
            except StorageError:
                continue

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


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
