"""Names under which Spark reads files correctly.

Hadoop chooses the decompressor by the file's name, but names are often wrong or have no extension, and some characters
have a meaning in Spark's paths. Therefore the content decides, and a file whose name Spark would misread is read under
another one: through a link in a folder, through a copy that the service makes itself in a bucket.
"""

import atexit
import re
import uuid
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

from leapline.errors import StorageError
from leapline.sources.source import Slice
from leapline.storage import LocalStore, Store
from leapline.storage.files import temporary_folder

FOLDER: Final = "landing-names"
_KEPT: Final = timedelta(days=2)
"""Age from which on names that a killed process has left are removed."""
_CODEC_EXTENSIONS: Final = frozenset({".gz", ".bz2", ".zst", ".deflate", ".snappy", ".lz4"})
"""Name extensions by which Hadoop chooses a decompressor."""
_SAFE: Final = re.compile(r"(?:s3a:/)?[\w/.=+-]+", re.ASCII)
"""Paths and addresses that Spark reads unchanged: no glob characters, nothing that a URI encodes."""


class ReadableNames:
    """Readable names of one process, removed when it ends.

    Args:
        scratch: a store that the executors can read; a temporary folder if None, or if Spark would misread its own
            path.
    """

    def __init__(self, scratch: Store | None = None) -> None:
        self._scratch = scratch if scratch and _SAFE.fullmatch(scratch.spark_address(FOLDER)) else None
        self._count = 0

    def address(self, item: Slice, store: Store, key: str) -> str:
        """Return the path or address under which Spark reads a file's content.

        Args:
            item: the file, with the extension that fits its content.
            store: has the file.
            key: of the file.

        Raises:
            StorageError: the name cannot be made.
        """
        address = str(Path(item.location).absolute()) if store.folder is not None else item.location
        suffix = Path(item.location).suffix
        extension = suffix if suffix in _CODEC_EXTENSIONS else ""
        if not item.size or (extension == item.extension and _SAFE.fullmatch(address)):
            return address
        if not self._count:
            self._prepare()
        self._count += 1
        name = f"{self._folder}/slice-{self._count:06d}{item.extension}"
        self._store.link(store, key, name)
        return self._store.spark_address(name)

    def _prepare(self) -> None:
        self._store = self._scratch or LocalStore(temporary_folder("leapline-names-"))
        self._folder = f"{FOLDER}/{uuid.uuid4().hex[:12]}"
        atexit.register(_remove, self._store, self._folder)
        self._remove_abandoned()

    def _remove_abandoned(self) -> None:
        self._store.put(f"{self._folder}/.created", b"")
        items = list(self._store.list(FOLDER))
        now = max(item.modified for item in items)
        for item in items:
            if item.key.endswith("/.created") and now - item.modified > _KEPT:
                self._store.delete_folder(item.key.rpartition("/")[0])


def _remove(store: Store, folder: str) -> None:
    with suppress(StorageError):
        store.delete_folder(folder)
