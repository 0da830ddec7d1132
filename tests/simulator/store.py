"""A store in memory whose effects are steps of the simulator."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from leapline.errors import StorageError
from leapline.storage.lease import lease
from leapline.storage.store import Item, Level, Store, Stored
from tests.simulator.scheduler import Actor, Scheduler


@dataclass(frozen=True)
class _Content:
    content: bytes
    version: str
    modified: datetime


class MemoryStore:
    """The store of a lake; the interface is `leapline.storage.store.Store`.

    Args:
        address: in messages.
        scheduler: suspends actors before their effects.
        has_system_locks: whether locks end with the process that holds them, as those of a folder; otherwise they are
            leases, as in a bucket.
        fails: whether the next write fails.

    Attributes:
        contents: by key.
        changed: called with the key of each content that was written or removed, and the content before.
    """

    folder: Path | None = None

    def __init__(
        self, address: str, scheduler: Scheduler, *, has_system_locks: bool, fails: Callable[[], bool] = lambda: False
    ) -> None:
        self.address, self.contents = address, dict[str, _Content]()
        self.changed: Callable[[str, bytes | None], None] = lambda key, before: None
        self._scheduler, self._has_system_locks, self._fails = scheduler, has_system_locks, fails
        self._holders: dict[str, Actor | None] = {}

    def spark_address(self, key: str) -> str:
        """Return an address."""
        return f"{self.address}/{key}"

    def list(self, prefix: str = "") -> Iterator[Item]:
        """Yield the contents below a folder, of one moment."""
        self._pause("lists", prefix)
        return iter([
            Item(key, len(stored.content), stored.modified, stored.version)
            for key, stored in sorted(self.contents.items()) if _is_below(key, prefix)
        ])  # fmt: skip

    def scan(self, prefix: str = "") -> Level:
        """Return what lies directly below a folder."""
        start = f"{prefix}/" if prefix else ""
        items = list(self.list(prefix))
        folders = sorted({item.key[len(start) :].split("/")[0] for item in items if "/" in item.key[len(start) :]})
        return Level(folders, [item for item in items if "/" not in item.key[len(start) :]])

    def exist(self, keys: Sequence[str]) -> Sequence[bool]:
        """Return for each key whether it has a content."""
        self._pause("looks for", keys[0] if keys else "")
        return [key in self.contents for key in keys]

    def get(self, key: str) -> Stored | None:
        """Return a content with its version."""
        self._pause("reads", key)
        present = self.contents.get(key)
        return Stored(present.content, present.version) if present else None

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Return a part of a content."""
        self._pause("reads", key)
        return self.contents[key].content[start : start + length]

    def put(self, key: str, content: bytes) -> None:
        """Write a content."""
        self._pause("writes", key)
        self._may_fail(key)
        self._set(key, content)

    def put_if_absent(self, key: str, content: bytes) -> bool:
        """Write a content unless there is one."""
        self._pause("writes if absent", key)
        self._may_fail(key)
        if key in self.contents:
            return False
        self._set(key, content)
        return True

    def put_if_match(self, key: str, content: bytes, version: str) -> bool:
        """Replace a content while it has a version."""
        self._pause("writes if unchanged", key)
        self._may_fail(key)
        present = self.contents.get(key)
        if present is None or present.version != version:
            return False
        self._set(key, content)
        return True

    def touch(self, key: str) -> bool:
        """Set the time of modification to now."""
        present = self.contents.get(key)
        if present is not None:
            self.contents[key] = _Content(present.content, present.version, self._scheduler.clock.stored())
        return present is not None

    def delete(self, key: str) -> None:
        """Remove a content."""
        self._pause("removes", key)
        before = self.contents.pop(key, None)
        if before:
            self.changed(key, before.content)

    def delete_folder(self, prefix: str) -> None:
        """Remove everything below a folder, one content after the other."""
        for key in sorted(key for key in self.contents if _is_below(key, prefix)):
            self.delete(key)

    def download(self, key: str, path: Path) -> bool:
        """Copy a content to a local file."""
        self._pause("downloads", key)
        present = self.contents.get(key)
        if present is not None:
            path.write_bytes(present.content)
        return present is not None

    def upload(self, key: str, path: Path) -> None:
        """Copy a local file into the store."""
        self.put(key, path.read_bytes())

    def link(self, source: Store, source_key: str, key: str) -> None:
        """Not used by what is simulated."""
        raise NotImplementedError

    def lock(self, key: str) -> AbstractContextManager[None]:
        """Hold a lock."""
        return self._system_lock(key) if self._has_system_locks else lease(self, key)

    @contextmanager
    def _system_lock(self, key: str) -> Iterator[None]:
        self._pause("locks", key)
        self._scheduler.wait(f"waits for the lock {key}", lambda: self.is_free(key))
        self._holders[key] = self._scheduler.running
        try:
            yield
        finally:
            self._holders.pop(key, None)

    def is_free(self, key: str) -> bool:
        """Return whether no living process holds a system's lock."""
        holder = self._holders.get(key)
        return holder is None or holder.vanished

    def content(self, key: str) -> bytes | None:
        """Return a content without a step: for the simulator's own checks."""
        present = self.contents.get(key)
        return present.content if present else None

    def put_now(self, key: str, content: bytes) -> None:
        """Write a content without a step."""
        self._set(key, content)

    def remove_now(self, key: str) -> None:
        """Remove a content without a step."""
        before = self.contents.pop(key, None)
        self.changed(key, before.content if before else None)

    def _pause(self, verb: str, key: str) -> None:
        self._scheduler.pause(f"{verb} {key}")

    def _may_fail(self, key: str) -> None:
        if self._scheduler.running is not None and self._fails():
            self._scheduler.note(f"FAULT: the store does not take {key}")
            raise StorageError(f"{self.address}/{key}", found="503", expected="a store that answers", fix="Again.")

    def _set(self, key: str, content: bytes) -> None:
        before = self.contents.get(key)
        version = hashlib.sha256(content).hexdigest()
        self.contents[key] = _Content(content, version, self._scheduler.clock.stored())
        self.changed(key, before.content if before else None)


def _is_below(key: str, prefix: str) -> bool:
    return not prefix or key.startswith(f"{prefix}/")
