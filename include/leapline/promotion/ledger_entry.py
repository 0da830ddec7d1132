"""The entries of the ledger as lines: what they record, and how each is linked to what comes before it.

    {"when": ..., "after": ..., "chain": {"format": 2, "lake": ID, "sequence": N, "covers": "line", "before": DIGEST}}

A line is canonical JSON. `before` is the SHA-256 of the line before (`covers` is "line"), or of everything before
(`covers` is "ledger"): so the first linked entry covers the lines of earlier versions, which have no links, and an
entry of `leapline ledger accept` covers a ledger with faults that a person has looked at. Lines before the last such
entry are therefore read as they are.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from leapline.promotion.signed import canonical, digest_of

FORMAT: Final = 2
Covers = Literal["line", "ledger"]


@dataclass(frozen=True)
class Entry:
    """One move of a tag, or the decision of a person about a contradiction.

    Attributes:
        when: UTC, ISO 8601.
        who: a person or a service.
        why: one sentence.
        run_id: the run that moved the tag.
        action: "promote", "rollback" or "accept".
        tag: the tag that was moved.
        model_id: the model that the tag names after the move.
        before: the digest before the move; None if the tag was new.
        after: the digest after the move; None if a person has accepted that there is no champion.
        record: digest of the model's record in the lake, which contains those of everything it was made of; None for a
            move by hand, and in entries of earlier versions.
    """

    when: str
    who: str
    why: str
    run_id: str
    action: str
    tag: str
    model_id: str
    before: str | None
    after: str | None
    record: str | None = None

    @property
    def key(self) -> tuple[str | None, str, str]:
        """The identity of the move; the ledger has at most one entry per key."""
        return self.after, self.run_id, self.tag


@dataclass(frozen=True)
class Chain:
    """The link of an entry to what comes before it.

    Attributes:
        lake: id of the lake.
        sequence: number of the entry, counted from 1; lines of earlier versions count.
        covers: whether `before` is a digest of the line before, or of the whole ledger before.
        before: the digest.
        format: version of this form.
    """

    lake: str
    sequence: int
    covers: Covers
    before: str
    format: int = FORMAT


@dataclass(frozen=True)
class Line:
    """A line of the ledger.

    Attributes:
        number: from 1.
        start: offset of its first byte.
        content: the line without its line break.
        entry: what it records; None if it is damaged.
        chain: its link; None in a line of an earlier version, or if it is damaged.
    """

    number: int
    start: int
    content: bytes
    entry: Entry | None
    chain: Chain | None

    @property
    def digest(self) -> str:
        """SHA-256 of the line."""
        return digest_of(self.content)

    @property
    def is_anchor(self) -> bool:
        """Whether it covers everything before it."""
        return self.chain is not None and self.chain.covers == "ledger"


def line_of(entry: Entry, chain: Chain) -> bytes:
    """Return an entry as a line, without a line break."""
    return canonical(asdict(entry) | {"chain": asdict(chain)})


def complete_lines(content: bytes) -> bytes:
    """Return a ledger without an unfinished last line, which a killed writer of an earlier version may have left."""
    return content[: content.rfind(b"\n") + 1]


def parse_lines(content: bytes) -> list[Line]:
    """Return the lines of a ledger; an unfinished last line was never acknowledged and is left out."""
    lines, start = [], 0
    for number, text in enumerate(content.split(b"\n")[:-1], 1):
        lines.append(_parse(number, start, text))
        start += len(text) + 1
    return lines


def _parse(number: int, start: int, text: bytes) -> Line:
    try:
        document: dict[str, Any] = json.loads(text)
        chain = document.pop("chain", None)
        entry = Entry(**document)
        return Line(number, start, text, entry, Chain(**chain) if chain is not None else None)
    except (TypeError, ValueError, AttributeError):
        return Line(number, start, text, None, None)
