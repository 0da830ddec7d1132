"""The ledger: who moved which tag, when and why, as append-only JSON lines.

The registry's tags determine what is serving; the ledger is their history.
"""

import json
from dataclasses import asdict, dataclass
from typing import Final

from leapline.errors import StorageError
from leapline.storage.store import Store, update

KEY: Final = "ledger.jsonl"


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
    """The ledger of a lake; the first entry creates it.

    Args:
        store: the lake's store.
        key: of the ledger in it.
    """

    def __init__(self, store: Store, key: str = KEY) -> None:
        self.store, self.key = store, key

    def entries(self) -> list[Entry]:
        """Return all entries, oldest first. An incomplete last line was never acknowledged and is ignored.

        Raises:
            StorageError: a line is damaged.
        """
        present = self.store.get(self.key)
        return self._parse_all(present.content if present else b"")

    def append(self, entry: Entry) -> bool:
        """Append an entry durably; a concurrent entry is not lost.

        Returns:
            False if the ledger already has an entry with the same digest, run and tag.

        Raises:
            StorageError: the ledger is damaged.
        """
        line = json.dumps(asdict(entry), sort_keys=True, ensure_ascii=False).encode() + b"\n"

        def appended(present: bytes | None) -> bytes | None:
            content = present or b""
            if entry.key in {present_entry.key for present_entry in self._parse_all(content)}:
                return None
            # A killed writer of an earlier version may have left an unfinished last line.
            return content[: content.rfind(b"\n") + 1] + line

        return update(self.store, self.key, appended)

    def _parse_all(self, content: bytes) -> list[Entry]:
        return [self._parse(number, line) for number, line in enumerate(content.split(b"\n")[:-1], 1)]

    def _parse(self, number: int, line: bytes) -> Entry:
        try:
            return Entry(**json.loads(line))
        except (TypeError, ValueError) as exc:
            raise StorageError(
                f"ledger {self.store.address}/{self.key}, line {number}",
                found=repr(line[:80]),
                expected="one JSON entry",
                fix="Restore the ledger from a copy, or move that line to another file; then run again.",
            ) from exc
