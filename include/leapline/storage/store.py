"""The interface of a store: named contents below one root, in a local folder or in an S3 bucket.

Keys are relative paths with forward slashes. A content is written as a whole or not at all, and has a version that
changes with it; `put_if_absent` and `put_if_match` write only while the version is still the one that the writer saw,
so that writers on several machines cannot lose each other's changes.

    local.py    folders: versions are hashes, locks are the operating system's
    s3.py       buckets: versions are ETags, writes have conditions, locks are leases with a heartbeat
"""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from leapline.errors import StorageError
from leapline.storage.files import RUN_AGAIN, json_bytes, parse_json


@dataclass(frozen=True)
class Item:
    """An entry of a listing.

    Attributes:
        key: relative to the store's root.
        size: bytes.
        modified: when it was written, by the clock of the store, UTC.
        version: its ETag; empty in a folder, where it would have to be computed.
    """

    key: str
    size: int
    modified: datetime
    version: str = ""


@dataclass(frozen=True)
class Level:
    """One level of a store.

    Attributes:
        folders: names of the folders.
        items: the contents.
    """

    folders: Sequence[str]
    items: Sequence[Item]


@dataclass(frozen=True)
class Stored:
    """A content with its version."""

    content: bytes
    version: str


class Store(Protocol):
    """Contents by key. All methods raise StorageError or a subclass if the store cannot be used."""

    @property
    def address(self) -> str:
        """The root in messages: a path, or `s3://bucket/prefix`."""

    @property
    def folder(self) -> Path | None:
        """The root as a local folder; None if the store is not on this machine."""

    def spark_address(self, key: str) -> str:
        """Return the address under which Spark reads and writes the table `key`."""

    def list(self, prefix: str = "") -> Iterator[Item]:
        """Yield the contents below a folder, at any depth, in no particular order.

        Args:
            prefix: a folder's key without a final slash; the root if empty.
        """

    def scan(self, prefix: str = "") -> Level:
        """Return what lies directly below a folder."""

    def exist(self, keys: Sequence[str]) -> Sequence[bool]:
        """Return for each key whether it has a content."""

    def get(self, key: str) -> Stored | None:
        """Return a content with its version; None if there is none."""

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Return at most `length` bytes from offset `start`; fewer at the end of the content."""

    def put(self, key: str, content: bytes) -> None:
        """Write a content, whatever was there."""

    def put_if_absent(self, key: str, content: bytes) -> bool:
        """Write a content unless there is one; return whether it was written."""

    def put_if_match(self, key: str, content: bytes, version: str) -> bool:
        """Replace a content while its version is `version`; return whether it was replaced."""

    def touch(self, key: str) -> bool:
        """Set a content's time of modification to now; return False if there is none."""

    def delete(self, key: str) -> None:
        """Remove a content; it may be absent."""

    def delete_folder(self, prefix: str) -> None:
        """Remove everything below a folder."""

    def download(self, key: str, path: Path) -> bool:
        """Copy a content to a local file whose folder exists; return False if there is none."""

    def upload(self, key: str, path: Path) -> None:
        """Copy a local file of any size into the store."""

    def link(self, source: "Store", source_key: str, key: str) -> None:
        """Make a content of another store readable under a name of this one, without transferring it if possible."""

    def lock(self, key: str) -> AbstractContextManager[None]:
        """Hold a lock that at most one process has; wait for it.

        Raises:
            StorageError: another process kept the lock for too long.
        """


class _StoredFile(io.RawIOBase):
    """A content as a file that is read in parts."""

    def __init__(self, store: Store, item: Item) -> None:
        self._store, self._item, self._position = store, item, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._item.size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        length = min(len(buffer), self._item.size - self._position)
        if length <= 0:
            return 0
        part = self._store.get_range(self._item.key, self._position, length)
        buffer[: len(part)] = part
        self._position += len(part)
        return len(part)


def open_stored(store: Store, item: Item) -> io.BufferedReader:
    """Open a content as a file; only the parts that are read are transferred."""
    return io.BufferedReader(_StoredFile(store, item), 64 * 1024)


def read_document(store: Store, key: str, fix: str = RUN_AGAIN) -> Any:
    """Return the content of a JSON document; None if there is none.

    Args:
        store: has the document.
        key: of the document.
        fix: what to do about a damaged document, for the error.

    Raises:
        StorageError: it is not JSON, or `null`, which would be taken for none.
    """
    present = store.get(key)
    return None if present is None else _parsed(present.content, f"{store.address}/{key}", fix)


def _parsed(content: bytes, thing: str, fix: str) -> Any:
    document = parse_json(content, thing, fix)
    if document is None:
        raise StorageError(thing, found="null", expected="a document", fix=fix)
    return document


def update(store: Store, key: str, change: Callable[[bytes | None], bytes | None]) -> bool:
    """Change a content so that a concurrent change is not lost: read, change, write on condition, repeat.

    Args:
        store: has the content.
        key: of the content.
        change: the present content (None if absent) -> the new one, or None to leave it. May be called several times.

    Returns:
        Whether the content was written.
    """
    while True:
        present = store.get(key)
        content = change(present.content if present else None)
        if content is None:
            return False
        if present is None:
            written = store.put_if_absent(key, content)
        else:
            written = store.put_if_match(key, content, present.version)
        if written:
            return True


def update_document(store: Store, key: str, change: Callable[[Any], Any], fix: str = RUN_AGAIN) -> bool:
    """Change a JSON document as `update` does a content.

    Args:
        store: has the document.
        key: of the document.
        change: the present document (None if absent) -> the new one, or None to leave it. May be called several times.
        fix: what to do about a damaged document, for the error.

    Returns:
        Whether the document was written.

    Raises:
        StorageError: it is not JSON; it is left as it is.
    """

    def changed(present: bytes | None) -> bytes | None:
        document = change(None if present is None else _parsed(present, f"{store.address}/{key}", fix))
        return None if document is None else json_bytes(document)

    return update(store, key, changed)
