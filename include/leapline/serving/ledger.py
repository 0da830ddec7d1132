"""The ledger: who moved which tag, when and why, as append-only JSON lines.

The registry's tags determine what is serving; the ledger is their history.
"""

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from leapline.errors import StorageError


@dataclass(frozen=True)
class Entry:
    """One move of a tag.

    Attributes:
        when: UTC, ISO 8601.
        who: a person or a service.
        why: one sentence.
        run_id: the run that moved the tag.
        action: "promote" or "rollback".
        tag: the tag that was moved.
        model_id: the model that the tag names after the move.
        before: the digest before the move; None if the tag was new.
        after: the digest after the move.
    """

    when: str
    who: str
    why: str
    run_id: str
    action: str
    tag: str
    model_id: str
    before: str | None
    after: str

    @property
    def key(self) -> tuple[str, str, str]:
        """The identity of the move; the ledger has at most one entry per key."""
        return self.after, self.run_id, self.tag


class Ledger:
    """One ledger file; the first entry creates it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self) -> list[Entry]:
        """Return all entries, oldest first. An incomplete last line was never acknowledged and is ignored.

        Raises:
            StorageError: a line is damaged.
        """
        content = self.path.read_bytes() if self.path.exists() else b""
        return [self._parse(number, line) for number, line in enumerate(content.split(b"\n")[:-1], 1)]

    def append(self, entry: Entry) -> bool:
        """Append an entry durably (fsync).

        Returns:
            False if the ledger already has an entry with the same digest, run and tag.

        Raises:
            StorageError: the ledger is damaged.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if entry.key in {present.key for present in self.entries()}:
                return False
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)  # drop a line that a killed writer left unfinished
            file.write(json.dumps(asdict(entry), sort_keys=True, ensure_ascii=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return True

    def _parse(self, number: int, line: bytes) -> Entry:
        try:
            return Entry(**json.loads(line))
        except (TypeError, ValueError) as exc:
            raise StorageError(
                f"ledger {self.path}, line {number}",
                found=repr(line[:80]),
                expected="one JSON entry",
                fix="Restore the ledger from a copy, or move that line to another file; then run again.",
            ) from exc
