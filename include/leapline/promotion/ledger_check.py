"""What is wrong with a ledger: broken links, missing entries, a head that is missing, unsigned or of another ledger.

    ledger.jsonl          line 1 <- line 2 <- ... <- line n       each names the digest of what comes before it
    ledger-head.json                                  line n      names the last line, signed by the installation

The head is written before its line, and contains it. A ledger that ends one entry before its head is therefore not
damaged: its writer was killed in between, and the next one adds the line.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from leapline.promotion.ledger_entry import Line, parse_lines
from leapline.promotion.signed import digest_of, unsigned_reason
from leapline.signing.key_ring import KeyRing

HEAD_KIND: Final = "ledger head"


@dataclass(frozen=True)
class Head:
    """The head of a ledger.

    Attributes:
        content: the document with its signature, as in the file.
        lake: id of the lake.
        sequence: of the last entry.
        digest: of the last line.
        line: the last line.
    """

    content: dict[str, Any]
    lake: str
    sequence: int
    digest: str
    line: str

    @classmethod
    def from_content(cls, content: Any) -> "Head | None":
        """Return the head of a document; None if it has another form."""
        try:
            document = content["document"]
            head = cls(content, document["lake"], document["sequence"], document["digest"], document["line"])
        except (TypeError, KeyError):
            return None
        return head if isinstance(head.sequence, int) and isinstance(head.line, str) else None


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with the ledger.

    Attributes:
        kind: "damaged line", "broken link", "other lake", "truncated", "missing head", "damaged head", "other head",
            "bad signature", or "not in the head".
        where: the file, and the line if there is one.
        text: what is wrong, one sentence without a full stop.
    """

    kind: str
    where: str
    text: str


@dataclass(frozen=True)
class State:
    """A ledger as it was read.

    Attributes:
        content: of the file, without an unfinished last line.
        head: its head; None without one, or if it is damaged.
        head_present: whether there is a file of the head.
        lake: id of the lake; None if it has none yet.
    """

    content: bytes
    head: Head | None
    head_present: bool
    lake: str | None

    @property
    def lines(self) -> list[Line]:
        """The lines, with the one that only the head has yet."""
        lines = parse_lines(self.content)
        if self.head is None or not self._is_pending(lines):
            return lines
        return parse_lines(self.content + self.head.line.encode() + b"\n")

    def is_pending(self) -> bool:
        """Return whether the head's line is still missing in the file, because its writer was killed."""
        return self._is_pending(parse_lines(self.content))

    def _is_pending(self, lines: list[Line]) -> bool:
        head = self.head
        if head is None or (lines and lines[-1].digest == head.digest):
            return False
        line = _parsed(head.line)
        last = lines[-1] if lines else None
        return line is not None and line.digest == head.digest and _follows(line, last, self.content)


def problems_of(state: State, keys: KeyRing, where: str) -> list[Problem]:
    """Return what is wrong with a ledger, the first fault first.

    Args:
        state: the ledger and its head.
        keys: of the installation.
        where: the ledger's address, for the problems.
    """
    lines = state.lines
    return [*_problems_of_lines(state, lines, where), *_problems_of_head(state, lines, keys, f"{where}, head")]


def _problems_of_lines(state: State, lines: list[Line], where: str) -> Iterator[Problem]:
    anchor = max((line.number for line in lines if line.is_anchor), default=0)
    content = state.content + (state.head.line.encode() if state.head else b"")
    if anchor and state.lake is None:
        yield Problem("other lake", where, "the lake has lost its id, lake.json")
    for line in lines[max(anchor - 1, 0) :]:
        before = content[: line.start] if line.is_anchor else b""
        place = f"{where}, line {line.number}"
        if line.entry is None:
            yield Problem("damaged line", place, f"it is not an entry: {line.content[:80]!r}")
        elif line.chain is None:
            if anchor:
                yield Problem("broken link", place, "it has no link to the line before")
        elif state.lake is not None and line.chain.lake != state.lake:
            yield Problem("other lake", place, f"it is of lake {line.chain.lake}, this is lake {state.lake}")
        elif not _follows(line, lines[line.number - 2] if line.number > 1 else None, before):
            yield Problem("broken link", place, "it does not follow what comes before it, which was changed or removed")


def _follows(line: Line, last: Line | None, before: bytes) -> bool:
    """Return whether a line is linked to the one before, or to all bytes before it."""
    if line.chain is None or line.entry is None:
        return False
    if line.chain.covers == "ledger":
        return line.chain.before == digest_of(before)
    if last is None or last.chain is None or line.chain.lake != last.chain.lake:
        return False
    return line.chain.sequence == last.chain.sequence + 1 and line.chain.before == last.digest


def _problems_of_head(state: State, lines: list[Line], keys: KeyRing, where: str) -> Iterator[Problem]:
    head, last = state.head, lines[-1] if lines else None
    if head is None:
        if state.head_present:
            yield Problem("damaged head", where, "it is not a ledger's head")
        elif any(line.chain for line in lines):
            yield Problem("missing head", where, "there is none, although the ledger has linked entries")
        return
    if reason := unsigned_reason(HEAD_KIND, head.content, keys):
        yield Problem("bad signature", where, f"it has {reason}")
    if state.lake is not None and head.lake != state.lake:
        yield Problem("other lake", where, f"it is of lake {head.lake}, this is lake {state.lake}")
    if last is None or last.digest != head.digest:
        yield _difference(head, lines, where)


def _difference(head: Head, lines: list[Line], where: str) -> Problem:
    number = max((line.chain.sequence if line.chain else line.number for line in lines), default=0)
    if number < head.sequence:
        return Problem("truncated", where, f"it names {head.sequence} entries, the ledger has {number}")
    if any(line.digest == head.digest for line in lines):
        return Problem("not in the head", where, f"it names {head.sequence} entries, the ledger has {number}")
    return Problem("other head", where, f"it names another entry {head.sequence} than the ledger has")


def _parsed(line: str) -> Line | None:
    lines = parse_lines(line.encode() + b"\n")
    return lines[0] if len(lines) == 1 else None
