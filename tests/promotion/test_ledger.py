"""The ledger: entries are appended once, completely and in order; incomplete, damaged, changed and missing lines."""

import multiprocessing
from dataclasses import replace
from pathlib import Path

import pytest

from leapline.errors import StorageError
from leapline.promotion.ledger import HEAD, KEY, Entry, Ledger
from leapline.storage import LocalStore

ENTRY = Entry(
    when="2026-03-02T01:00:00+00:00", who="airflow", why="better", run_id="r1", action="promote", tag="champion",
    model_id="2026-03-01-0123456789ab", before=None, after="sha256:aa",
)  # fmt: skip


def test_append_is_idempotent_by_digest_run_and_tag(tmp_path: Path) -> None:
    ledger = Ledger(LocalStore(tmp_path / "deep"))
    assert ledger.entries() == []
    assert ledger.append(ENTRY) is True
    assert ledger.append(replace(ENTRY, when="later", why="again")) is False
    others = [replace(ENTRY, run_id="r2"), replace(ENTRY, tag="previous"), replace(ENTRY, after="sha256:bb")]
    assert [ledger.append(entry) for entry in others] == [True, True, True]
    assert ledger.entries() == [ENTRY, *others]


def test_incomplete_last_line_is_replaced_by_next_append(tmp_path: Path) -> None:
    ledger = Ledger(LocalStore(tmp_path))
    ledger.append(ENTRY)
    whole, head = (tmp_path / KEY).read_bytes(), (tmp_path / HEAD).read_bytes()
    second = replace(ENTRY, run_id="r2", why="größer")
    ledger.append(second)
    both = (tmp_path / KEY).read_bytes()
    for cut in range(len(whole), len(both)):
        (tmp_path / KEY).write_bytes(both[:cut])
        (tmp_path / HEAD).write_bytes(head)
        assert ledger.entries() == [ENTRY]
        assert ledger.append(second) is True
        assert (tmp_path / KEY).read_bytes() == both


@pytest.mark.parametrize("damage", ["not json\n", '{"when": 1}\n', "[]\n", "\n"])
def test_damaged_line_is_rejected_with_its_number(tmp_path: Path, damage: str) -> None:
    ledger = Ledger(LocalStore(tmp_path))
    ledger.append(ENTRY)
    (tmp_path / KEY).write_text((tmp_path / KEY).read_text() + damage)
    with pytest.raises(StorageError, match="line 2"):
        ledger.entries()
    with pytest.raises(StorageError, match="line 2"):
        ledger.append(replace(ENTRY, run_id="r2"))


def _append_many(path: Path, writer: int) -> None:
    for i in range(20):
        Ledger(LocalStore(path)).append(replace(ENTRY, run_id=f"{i}", who=f"{writer}"))


def test_concurrent_writers_append_each_entry_once(tmp_path: Path) -> None:
    writers = [multiprocessing.get_context("spawn").Process(target=_append_many, args=(tmp_path, i)) for i in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    ledger = Ledger(LocalStore(tmp_path))
    assert sorted(entry.run_id for entry in ledger.checked_entries()) == sorted(f"{i}" for i in range(20))
