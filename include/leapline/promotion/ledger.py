"""The ledger: who moved which tag, when and why, as append-only JSON lines that are linked and have a signed head.

The registry's tags determine what is serving; the ledger is their history, and promotion requires that both agree.

    read head and ledger -> add the line that only the head has -> head := new line (on condition) -> add the new line

The head contains its line, so a kill between the two last writes loses nothing, and an entry that no head has confirmed
counts for nothing. Of two writers at the same time, one fails to replace the head and starts again.
"""

import json
from typing import Any, Final

from leapline.errors import LedgerError
from leapline.promotion.lake_id import create_lake_id, lake_id
from leapline.promotion.ledger_check import HEAD_KIND, Head, Problem, State, problems_of
from leapline.promotion.ledger_entry import Chain, Covers, Entry, complete_lines, line_of, parse_lines
from leapline.promotion.signed import digest_of, require_signer, signed
from leapline.signing.key_ring import KeyRing
from leapline.storage.store import Store, Stored, update

__all__ = ["HEAD", "KEY", "Entry", "Ledger"]

KEY: Final = "ledger.jsonl"
HEAD: Final = "ledger-head.json"
_HEAD_FORMAT: Final = 1


class Ledger:
    """The ledger of a lake; the first entry creates it.

    Args:
        store: the lake's store.
        keys: of the installation: they sign the head, and decide whose signatures count.
    """

    def __init__(self, store: Store, keys: KeyRing | None = None) -> None:
        self.store, self.keys = store, keys or KeyRing()
        self.address = f"ledger {store.address}/{KEY}"

    def entries(self) -> list[Entry]:
        """Return all entries, oldest first, without checking their links.

        Raises:
            LedgerError: a line is damaged, and no entry after it accepts that.
        """
        lines = self._read()[0].lines
        accepted = max((line.number for line in lines if line.is_anchor), default=0)
        for line in lines:
            if line.entry is None and line.number > accepted:
                raise self._error(f"{self.address}, line {line.number}", repr(line.content[:80]), "one JSON entry")
        return [line.entry for line in lines if line.entry]

    def checked_entries(self) -> list[Entry]:
        """Return all entries, oldest first.

        Raises:
            LedgerError: something is wrong with the ledger or its head.
        """
        state, _ = self._read()
        self._require_sound(state)
        return [line.entry for line in state.lines if line.entry]

    def problems(self) -> list[Problem]:
        """Return what is wrong with the ledger; empty if it is sound."""
        return problems_of(self._read()[0], self.keys, self.address)

    def state(self) -> State:
        """Return the ledger as it is."""
        return self._read()[0]

    def require_writable(self) -> None:
        """Check that an entry could be appended, before what it records is done.

        Raises:
            LedgerError: something is wrong with the ledger or its head, or the key to sign it is missing.
        """
        state = self.state()
        self._require_sound(state)
        require_signer(self.address, _signature(state), self.keys)

    def append(self, entry: Entry) -> bool:
        """Append an entry durably; a concurrent entry is not lost.

        Returns:
            False if the ledger already has an entry with the same digest, run and tag.

        Raises:
            LedgerError: something is wrong with the ledger or its head; nothing was written.
        """
        return self._append(entry, accept=False)

    def accept(self, entry: Entry) -> None:
        """Append an entry that covers the ledger as it is, with its faults: from then on it is sound again.

        A sound ledger that has the entry already, because its writer was interrupted and begins again, stays as it is.
        """
        self._append(entry, accept=True)

    def complete(self) -> None:
        """Add the line that only the head has, because its writer was interrupted; nothing else changes."""
        self._add_line_of(self._read()[0])

    def sign_again(self) -> bool:
        """Sign the head with the installation's key, if another key or none has signed it; no entry is added.

        Returns:
            False if there is no head, or this key has signed it.

        Raises:
            SettingsError: there is no signing key, although signatures are required.
            LedgerError: something is wrong with the ledger or its head, or there is no signing key.
        """
        while True:
            state, head_file = self._read()
            self._require_sound(state)
            require_signer(self.address, _signature(state), self.keys)
            key, signature = self.keys.signing_key(), _signature(state)
            if key is None or state.head is None or (signature or {}).get("key") == key.public.key_id:
                return False
            if self._write_head(state.head.content["document"], head_file):
                return True

    def _append(self, entry: Entry, *, accept: bool) -> bool:
        while True:
            state, head_file = self._read()
            if not accept:
                self._require_sound(state)
            if not accept or not problems_of(state, self.keys, self.address):
                self._add_line_of(state)
                if entry.key in {line.entry.key for line in state.lines if line.entry}:
                    return False
                state = State(self._content(), state.head, state.head_present, state.lake)
            head = self._next_head(entry, state, accept)
            if self._write_head(head, head_file):
                self._add_line_of(self._read()[0])
                return True

    def _next_head(self, entry: Entry, state: State, accept: bool) -> dict[str, Any]:
        """Return the document of the head after the entry."""
        require_signer(self.address, None if accept else _signature(state), self.keys)
        lake, lines = create_lake_id(self.store), parse_lines(state.content)
        last = lines[-1] if lines else None
        linked = last is not None and last.chain is not None and not accept
        covers: Covers = "line" if linked else "ledger"
        before = last.digest if last is not None and linked else digest_of(state.content)
        numbers = [line.chain.sequence if line.chain else line.number for line in lines]
        sequence = max([0, *numbers, state.head.sequence if state.head else 0]) + 1
        line = line_of(entry, Chain(lake, sequence, covers, before))
        document = {"format": _HEAD_FORMAT, "lake": lake, "sequence": sequence, "digest": digest_of(line)}
        return document | {"line": line.decode()}

    def _write_head(self, head: dict[str, Any], present: Stored | None) -> bool:
        content = signed(HEAD_KIND, head, self.keys)
        if present is None:
            return self.store.put_if_absent(HEAD, content)
        return self.store.put_if_match(HEAD, content, present.version)

    def _add_line_of(self, state: State) -> None:
        """Add the head's line to the ledger, unless it has it, or another writer's further ones, by now."""
        head = state.head
        if head is None:
            return

        def added(present: bytes | None) -> bytes | None:
            content = complete_lines(present or b"")
            pending = State(content, head, state.head_present, state.lake).is_pending()
            return content + head.line.encode() + b"\n" if pending else None

        update(self.store, KEY, added)

    def _read(self) -> tuple[State, Stored | None]:
        """Return the ledger and its head, of the same moment."""
        while True:
            before, content, lake = self.store.get(HEAD), self._content(), lake_id(self.store)
            after = self.store.get(HEAD)
            if (before and before.version) == (after and after.version):
                break
        head = Head.from_content(_json_of(after)) if after else None
        return State(content, head, after is not None, lake), after

    def _content(self) -> bytes:
        present = self.store.get(KEY)
        return complete_lines(present.content) if present else b""

    def _require_sound(self, state: State) -> None:
        problems = problems_of(state, self.keys, self.address)
        if problems:
            more = f" ({len(problems) - 1} more)" if problems[1:] else ""
            raise self._error(problems[0].where, f"{problems[0].kind}: {problems[0].text}{more}", "an unchanged ledger")

    def _error(self, thing: str, found: str, expected: str) -> LedgerError:
        fix = (
            "`leapline ledger verify` lists everything that is wrong. Restore ledger.jsonl and ledger-head.json from a "
            "copy, or, after looking into it, go on with `leapline ledger accept --why ...`."
        )
        return LedgerError(thing, found=found, expected=expected, fix=fix)


def _signature(state: State) -> Any:
    return state.head.content.get("signature") if state.head else None


def _json_of(stored: Stored) -> Any:
    try:
        return json.loads(stored.content)
    except ValueError:
        return None
