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
than `ABANDONED`, by the clock of the store, so that the clocks of several machines do not matter; but not if its
process runs on this machine, whose clock may have jumped.

In a local folder, attempts are written in place. In a bucket, Spark writes tables in place, and other files are written
to a temporary folder of this process first and uploaded before the commit.
"""

import json
import shutil
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from leapline.datasets import dataset as dataset_of
from leapline.errors import FormatVersionError, NotInLakeError, StorageError
from leapline.storage import heartbeat
from leapline.storage.attempt_files import AT_ONCE, FetchedFolder, Folder, copies_of, fetch_folder, is_own
from leapline.storage.commit_guard import check_commit
from leapline.storage.files import json_bytes, named_os_errors, parse_json
from leapline.storage.heartbeat import HEARTBEAT, beating
from leapline.storage.local import LocalStore
from leapline.storage.store import Item, Store, update
from leapline.storage.sweeping import POINTER, remove_abandoned
from leapline.storage.usage import note_committed, note_read

__all__ = ["POINTER", "Lake"]


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
        note_read(dataset, key, pointer["attempt"])
        attempt = f"{self.folder(dataset, key)}/{pointer['attempt']}"
        if self.store.folder is not None:
            return self.store.folder / attempt
        copies_of(self.store.address).remove_unused()
        return FetchedFolder(self.store, attempt, self._copies / attempt)

    def days(self, dataset: str) -> list[date]:
        """Return the days with a committed attempt, in order."""
        return _days_in(self.keys(dataset))

    def touched_days(self, dataset: str) -> list[date]:
        """Return the days with any files, committed or not, in order: also those of a removal that was interrupted."""
        return _days_in(sorted(self.store.scan(dataset).folders))

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
        return (item for item in self.store.list(key) if not is_own(item.key))

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
        self.store.put(f"{attempt}/{HEARTBEAT}", heartbeat.this_writer())
        try:
            with beating(self.store, f"{attempt}/{HEARTBEAT}"), named_os_errors(thing, path.parent, begun=path):
                path.mkdir(parents=True, exist_ok=True)
                yield path
                self._upload(attempt, path)
                self._commit(dataset, key, path.name)
                note_committed(dataset, key, path.name)
        except BaseException:
            # Not if it was committed, and only what follows the swap failed; if that is unknown, it is swept later.
            with suppress(StorageError):
                if not self._is_current(dataset, key, path.name):
                    shutil.rmtree(path, ignore_errors=True)
                    self.store.delete_folder(attempt)
            raise

    def remove(self, dataset: str, key: date | str) -> None:
        """Remove a key with all its attempts. The pointer goes first, so that no reader sees a part of it."""
        folder = self.folder(dataset, key)
        self.store.delete(f"{folder}/{POINTER}")
        self.store.delete_folder(folder)

    def remove_others(self, dataset: str, key: date | str) -> None:
        """Remove all attempts of a key but the committed one, also the one before it that readers may still use.

        Called when the content of earlier attempts must not be kept.
        """
        folder, pointer = self.folder(dataset, key), self._pointer(dataset, key)
        names = {item.key.removeprefix(f"{folder}/").split("/")[0] for item in self.store.list(folder)}
        for name in names:
            if name.startswith("attempt-") and (pointer is None or name != pointer["attempt"]):
                self.store.delete_folder(f"{folder}/{name}")

    def _commit(self, dataset: str, key: date | str, attempt: str) -> None:
        folder = self.folder(dataset, key)
        beat = f"{folder}/{attempt}/{HEARTBEAT}"
        if not all(self.store.exist([beat])):
            minutes = heartbeat.ABANDONED // timedelta(minutes=1)
            raise StorageError(
                f"{dataset} of {key}",
                found=f"{attempt} was removed while it was written",
                expected=f"an attempt with a heartbeat of the last {minutes} minutes",
                fix="Run the step again.",
            )
        description = dataset_of(dataset)
        version = {"version": description.version} if description else {}
        pointer = f"{folder}/{POINTER}"

        def swapped(present: bytes | None) -> bytes | None:
            # A damaged pointer is replaced: to run the step again is what its readers are advised to do.
            old = _attempt_of(present)
            if old == attempt:
                return None  # The answer to the write was lost, and the client repeated it.
            # After the read: whoever begins after this check swaps later than the read, and then this write fails.
            check_commit()
            return json_bytes({"attempt": attempt, "previous": old} | version)

        update(self.store, pointer, swapped)
        self.store.delete(beat)
        written = next((item.modified for item in self.store.scan(folder).items if item.key == pointer), None)
        if written is not None:
            remove_abandoned(self.store, folder, written)

    def _is_current(self, dataset: str, key: date | str, attempt: str) -> bool:
        present = self.store.get(f"{self.folder(dataset, key)}/{POINTER}")
        return _attempt_of(present.content if present else None) == attempt

    def _upload(self, attempt: str, path: Path) -> None:
        """Copy an attempt's local files into the store, except those that Spark has written there."""
        if self.store.folder is not None:
            return
        there = {item.key for item in self.store.list(attempt)}
        files = {f"{attempt}/{file.relative_to(path).as_posix()}": file for file in path.rglob("*") if file.is_file()}
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda key: self.store.upload(key, files[key]), [key for key in files if key not in there]))

    def _key_of(self, folder: Folder) -> str:
        if isinstance(folder, FetchedFolder):
            return folder.key
        return (folder / "").relative_to(self._copies).as_posix()

    @property
    def _copies(self) -> Path:
        """The lake's own folder, or a temporary one of this process for a lake in a bucket."""
        return self.store.folder if self.store.folder is not None else copies_of(self.store.address).folder

    def _pointer(self, dataset: str, key: date | str) -> dict[str, Any] | None:
        place = f"{self.folder(dataset, key)}/{POINTER}"
        stored = self.store.get(place)
        if stored is None:
            return None
        thing, fix = f"{self.store.address}/{place}", _run_again(dataset, key)
        pointer: Any = parse_json(stored.content, thing, fix)
        if not isinstance(pointer, dict) or not isinstance(pointer.get("attempt"), str):
            raise StorageError(thing, found="a document of another form", expected="the name of an attempt", fix=fix)
        return pointer


def _attempt_of(pointer: bytes | None) -> str | None:
    """Return the attempt that a pointer names; None without one, or if the pointer is damaged."""
    try:
        name = json.loads(pointer or b"null")["attempt"]
    except (ValueError, TypeError, KeyError):
        return None
    return name if isinstance(name, str) else None


def _days_in(names: Iterable[str]) -> list[date]:
    return [date.fromisoformat(name.removeprefix("date=")) for name in names if name.startswith("date=")]


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
    command = _command(dataset, key)
    if not command:
        return f"Run the step that writes {dataset} for {key} first; `leapline models` lists the existing models."
    return f"Run the step that writes it first: {command}."


def _run_again(dataset: str, key: date | str) -> str:
    return f"Run the step that writes it again: {_command(dataset, key) or dataset}."


def _command(dataset: str, key: date | str) -> str:
    """Return the command that writes a dataset; empty for a key that is no day."""
    description = dataset_of(dataset)
    if description is None or not isinstance(key, date):
        return ""
    return f"`leapline {description.writer.replace('_', '-')} --date {key}`"
