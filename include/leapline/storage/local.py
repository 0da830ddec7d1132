"""A store in a local folder."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from leapline.storage.files import named_os_errors, write_bytes
from leapline.storage.store import Item, Level, Store, Stored


class LocalStore:
    """A local folder; created by the first write.

    Locks are the operating system's: they end with the process that holds them, even after `kill -9`.

    Args:
        folder: the root.
    """

    def __init__(self, folder: Path) -> None:
        self.folder: Path = folder

    @property
    def address(self) -> str:
        """The folder's path."""
        return str(self.folder)

    def spark_address(self, key: str) -> str:
        """Return the path of a table."""
        return str(self.folder / key)

    def list(self, prefix: str = "") -> Iterator[Item]:
        """Yield the files below a folder; files that disappear meanwhile are left out."""
        for folder, _, names in os.walk(self.folder / prefix, followlinks=True):
            for name in names:
                item = self._item(Path(folder, name))
                if item:
                    yield item

    def scan(self, prefix: str = "") -> Level:
        """Return the folders and files directly below a folder; links are followed."""
        folder = self.folder / prefix
        with named_os_errors(str(folder), folder):
            paths = sorted(folder.iterdir()) if folder.is_dir() else []
        folders = [path.name for path in paths if path.is_dir()]
        return Level(folders, [item for path in paths if not path.is_dir() and (item := self._item(path))])

    def exist(self, keys: Sequence[str]) -> Sequence[bool]:
        """Return for each key whether it is a file."""
        return [(self.folder / key).is_file() for key in keys]

    def get(self, key: str) -> Stored | None:
        """Return a file's content; its version is a hash of it."""
        path = self.folder / key
        with named_os_errors(str(path), path.parent):
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                return None
        return Stored(content, _version(content))

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Return a part of a file."""
        path = self.folder / key
        with named_os_errors(str(path), path.parent), path.open("rb") as file:
            file.seek(start)
            return file.read(length)

    def put(self, key: str, content: bytes) -> None:
        """Replace a file as a whole."""
        write_bytes(self.folder / key, content)

    def put_if_absent(self, key: str, content: bytes) -> bool:
        """Write a file unless it exists."""
        with self._writing(key):
            if (self.folder / key).exists():
                return False
            self.put(key, content)
        return True

    def put_if_match(self, key: str, content: bytes, version: str) -> bool:
        """Replace a file while its content is unchanged."""
        with self._writing(key):
            present = self.get(key)
            if present is None or present.version != version:
                return False
            self.put(key, content)
        return True

    def touch(self, key: str) -> bool:
        """Set a file's time of modification to now."""
        try:
            os.utime(self.folder / key)
        except FileNotFoundError:
            return False
        return True

    def delete(self, key: str) -> None:
        """Remove a file."""
        (self.folder / key).unlink(missing_ok=True)

    def delete_folder(self, prefix: str) -> None:
        """Remove a folder."""
        shutil.rmtree(self.folder / prefix, ignore_errors=True)

    def download(self, key: str, path: Path) -> bool:
        """Copy a file out of the folder."""
        source = self.folder / key
        if not source.is_file():
            return False
        with named_os_errors(str(path), path.parent, needed=source.stat().st_size):
            shutil.copyfile(source, path)
        return True

    def upload(self, key: str, path: Path) -> None:
        """Copy a file into the folder."""
        self.put(key, path.read_bytes())

    def link(self, source: Store, source_key: str, key: str) -> None:
        """Link to a file of another folder, or download from a bucket."""
        path = self.folder / key
        with named_os_errors(str(path), path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            if source.folder is not None:
                path.symlink_to((source.folder / source_key).resolve())
            else:
                source.download(source_key, path)

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Hold a lock on a file of that name."""
        path = self.folder / key
        with named_os_errors(str(path), path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("w")
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _item(self, path: Path) -> Item | None:
        try:
            status = path.stat()
        except FileNotFoundError:
            return None
        modified = datetime.fromtimestamp(status.st_mtime, UTC)
        return Item(path.relative_to(self.folder).as_posix(), status.st_size, modified)

    @contextmanager
    def _writing(self, key: str) -> Iterator[None]:
        """Hold the lock of conditional writes in the file's folder."""
        with self.lock((Path(key).parent / ".lock").as_posix()):
            yield


def _version(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
