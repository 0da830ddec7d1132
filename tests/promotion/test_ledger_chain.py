"""The ledger's chain: every change is found, old ledgers stay readable, heads are signed, faults can be accepted."""

import json
import multiprocessing
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from leapline.errors import LedgerError
from leapline.promotion.lake_id import KEY as LAKE
from leapline.promotion.lake_id import lake_id
from leapline.promotion.ledger import HEAD, KEY, Entry, Ledger
from leapline.settings import Settings
from leapline.signing.key_ring import KeyRing
from leapline.signing.keys import SigningKey
from leapline.storage import LocalStore
from leapline.storage.factory import store_at
from tests.promotion.test_ledger import ENTRY

KEY_PAIR = SigningKey.generate(ed25519_key=True)
RING = KeyRing(KEY_PAIR, (KEY_PAIR.public,))


def entry(number: int) -> Entry:
    return replace(ENTRY, run_id=f"r{number}", after=f"sha256:{number}")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A signed ledger with four entries."""
    ledger = Ledger(LocalStore(tmp_path), RING)
    for number in range(1, 5):
        assert ledger.append(entry(number))
    return ledger


def kinds(ledger: Ledger) -> list[str]:
    return [problem.kind for problem in ledger.problems()]


def test_unchanged_ledger_has_no_problems(ledger: Ledger) -> None:
    assert ledger.problems() == []
    assert [e.run_id for e in ledger.checked_entries()] == ["r1", "r2", "r3", "r4"]


def test_every_changed_byte_of_ledger_and_head_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """But the line breaks at the ends, and the head's white space, which change no content."""
    for name in (KEY, HEAD):
        content = (tmp_path / name).read_bytes()
        for index in range(len(content)):
            changed = content[:index] + bytes([content[index] ^ 1]) + content[index + 1 :]
            if content[index : index + 1].isspace() and (name == HEAD or index == len(content) - 1):
                continue
            (tmp_path / name).write_bytes(changed)
            assert ledger.problems(), f"{name}, byte {index}: {changed[max(index - 20, 0) : index + 20]!r}"
        (tmp_path / name).write_bytes(content)
    assert ledger.problems() == []


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda lines: lines[1:], "broken link"),
        (lambda lines: [lines[0], lines[2], lines[3]], "broken link"),
        (lambda lines: [lines[0], lines[2], lines[1], lines[3]], "broken link"),
        (lambda lines: [*lines, lines[1]], "broken link"),
        (lambda lines: lines[:2], "truncated"),
        (lambda _: [], "truncated"),
        (lambda lines: [*lines[:3], b"{}"], "damaged line"),
    ],
    ids=["first removed", "middle removed", "swapped", "repeated", "truncated", "emptied", "replaced"],
)
def test_removed_and_moved_entries_are_found(
    ledger: Ledger, tmp_path: Path, change: Callable[[list[bytes]], list[bytes]], kind: str
) -> None:
    lines = (tmp_path / KEY).read_bytes().splitlines()
    (tmp_path / KEY).write_bytes(b"".join(line + b"\n" for line in change(lines)))
    assert kind in kinds(ledger)
    with pytest.raises(LedgerError, match="leapline ledger verify"):
        ledger.checked_entries()
    with pytest.raises(LedgerError):
        ledger.append(entry(9))


def test_last_entry_alone_is_restored_from_the_head(ledger: Ledger, tmp_path: Path) -> None:
    """So does a writer that was killed between head and ledger leave it."""
    content = (tmp_path / KEY).read_bytes()
    (tmp_path / KEY).write_bytes(content[: content.rstrip().rfind(b"\n") + 1])
    assert ledger.problems() == []
    assert [e.run_id for e in ledger.checked_entries()] == ["r1", "r2", "r3", "r4"]
    ledger.append(entry(5))
    assert (tmp_path / KEY).read_bytes().startswith(content)
    assert ledger.problems() == []


def test_missing_head_and_missing_id_are_found(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / LAKE).unlink()
    assert kinds(ledger) == ["other lake"]
    (tmp_path / HEAD).unlink()
    assert "missing head" in kinds(ledger)


def test_ledger_of_another_lake_is_found(ledger: Ledger, tmp_path: Path) -> None:
    other = Ledger(LocalStore(tmp_path / "other"), RING)
    other.append(entry(1))
    for name in (KEY, HEAD):
        other.store.put(name, (tmp_path / name).read_bytes())
    assert set(kinds(other)) == {"other lake"}


def test_signatures_of_other_keys_do_not_count(ledger: Ledger, tmp_path: Path) -> None:
    stranger = SigningKey.generate(ed25519_key=True)
    unknown = Ledger(ledger.store, KeyRing(stranger, (stranger.public,)))
    assert [problem.text for problem in unknown.problems()] == [
        f"it has a signature by the unknown key {KEY_PAIR.public.key_id[:12]}"
    ]
    both = Ledger(ledger.store, KeyRing(stranger, (stranger.public, KEY_PAIR.public)))
    assert both.append(entry(5))
    assert both.problems() == []
    assert kinds(ledger) == ["bad signature"]


def test_forged_head_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """Whoever can write the lake, but has no key, can link entries but not sign their head."""
    forger = Ledger(LocalStore(tmp_path))
    with pytest.raises(LedgerError, match="no signing key in this installation"):
        forger.append(entry(5))
    content = json.loads((tmp_path / HEAD).read_text())
    (tmp_path / HEAD).write_text(json.dumps(content | {"signature": None}))
    forger.append(entry(5))
    assert forger.problems() == []
    assert [problem.text for problem in ledger.problems()] == ["it has no signature"]


def test_verifying_installation_without_a_private_key_writes_nothing(tmp_path: Path) -> None:
    verifier = Ledger(LocalStore(tmp_path), KeyRing(None, (KEY_PAIR.public,)))
    for write in (verifier.require_writable, lambda: verifier.append(entry(1)), lambda: verifier.accept(entry(1))):
        with pytest.raises(LedgerError, match="no signing key in this installation"):
            write()
    assert not (tmp_path / HEAD).exists()


def test_older_head_with_its_ledger_is_sound_and_older_than_noted(ledger: Ledger, tmp_path: Path) -> None:
    """This is why a head is noted outside of the lake: `leapline ledger verify --expect`."""
    old = {name: (tmp_path / name).read_bytes() for name in (KEY, HEAD)}
    ledger.append(entry(5))
    for name, content in old.items():
        (tmp_path / name).write_bytes(content)
    assert ledger.problems() == []


def unlinked(tmp_path: Path, count: int) -> bytes:
    """Write a ledger as earlier versions did."""
    lines = [json.dumps(asdict(entry(n)), sort_keys=True, ensure_ascii=False) + "\n" for n in range(1, count + 1)]
    (tmp_path / KEY).write_text("".join(lines))
    return (tmp_path / KEY).read_bytes()


def test_ledger_of_an_earlier_version_is_readable_and_covered_by_the_first_link(tmp_path: Path) -> None:
    old, ledger = unlinked(tmp_path, 3), Ledger(LocalStore(tmp_path), RING)
    assert [e.run_id for e in ledger.checked_entries()] == ["r1", "r2", "r3"]
    ledger.append(entry(4))
    assert [line.chain.sequence for line in ledger.state().lines if line.chain] == [4]
    ledger.append(entry(5))
    assert ledger.problems() == []
    content = (tmp_path / KEY).read_bytes()
    assert content.startswith(old)
    for index in range(len(old)):
        (tmp_path / KEY).write_bytes(content[:index] + bytes([content[index] ^ 1]) + content[index + 1 :])
        assert "broken link" in kinds(ledger)


def test_accepted_faults_do_not_stop_the_ledger_again(ledger: Ledger, tmp_path: Path) -> None:
    lines = (tmp_path / KEY).read_bytes().splitlines()
    (tmp_path / KEY).write_bytes(lines[0] + b"\n?\n" + lines[1] + b"\n")
    ledger.accept(replace(entry(9), action="accept"))
    assert ledger.problems() == []
    assert [e.run_id for e in ledger.checked_entries()] == [e.run_id for e in ledger.entries()] == ["r1", "r2", "r9"]
    assert ledger.state().head
    assert ledger.state().head.sequence == 5  # type: ignore[union-attr]  # behind the four that there were
    ledger.append(entry(10))
    (tmp_path / KEY).write_bytes((tmp_path / KEY).read_bytes().replace(b"?", b"!"))
    assert kinds(ledger) == ["broken link"]


def test_lake_id_is_created_once(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert lake_id(store) is None
    ledger = Ledger(store)
    ledger.append(entry(1))
    name = lake_id(store)
    ledger.append(entry(2))
    assert name
    assert lake_id(store) == name


def _append_many(address: str, pem: str, writer: int) -> None:
    store, key = store_at(address, Settings.load()), SigningKey.from_pem(pem)
    for number in range(8):
        Ledger(store, KeyRing(key, (key.public,))).append(replace(entry(number), run_id=f"{writer}-{number}"))


def test_concurrent_writers_on_s3_lose_no_entry(s3_bucket: str) -> None:
    address = f"s3://{s3_bucket}/lake"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_append_many, args=(address, KEY_PAIR.pem(), writer)) for writer in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    ledger = Ledger(store_at(address, Settings.load()), RING)
    assert ledger.problems() == []
    assert sorted(e.run_id for e in ledger.checked_entries()) == sorted(f"{w}-{n}" for w in range(3) for n in range(8))
