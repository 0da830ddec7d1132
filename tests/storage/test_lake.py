"""Readers of the lake see complete datasets, whatever happens to the writer, in folders and in buckets."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from leapline.errors import DiskFullError, FormatVersionError, NotInLakeError, StorageError
from leapline.settings import Settings
from leapline.storage import (
    POINTER,
    Lake,
    attempt_files,
    heartbeat,
    json_bytes,
    lake_of,
    parse_json,
    read_json,
    write_bytes,
    write_json,
)
from leapline.storage.s3 import S3Store

DAY = date(2026, 3, 1)


@pytest.fixture(params=["folder", "bucket"])
def lake(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake that `lake_of(Settings.load())` finds too."""
    if request.param == "folder":
        monkeypatch.setenv("LEAPLINE_HOME", str(tmp_path / "lake"))
    else:
        monkeypatch.setenv("LEAPLINE_LAKE", f"s3://{request.getfixturevalue('s3_bucket')}/deep/lake")
    return lake_of(Settings.load())


def put(lake: Lake, text: str) -> str:
    """Commit an attempt with a file and a file in a folder; return its name."""
    with lake.attempt("events", DAY) as path:
        (path / "part.txt").write_text(text)
        (path / "deep").mkdir()
        (path / "deep" / "a.txt").write_text(f"deep {text}")
    return path.name


def read(lake: Lake) -> str:
    """Return the committed file as a new process reads it."""
    return (Lake(lake.store).current("events", DAY) / "part.txt").read_text()


def attempts(lake: Lake) -> set[str]:
    return set(lake.store.scan(lake.folder("events", DAY)).folders)


def test_readers_follow_the_last_commit(lake: Lake) -> None:
    assert not lake.has("events", DAY)
    assert lake.days("events") == []
    put(lake, "one")
    put(lake, "two")
    assert read(lake) == "two"
    assert lake.days("events") == [DAY]
    with lake.attempt("models", "m-1"):
        pass
    assert lake.keys("models") == ["m-1"]


def test_files_and_folders_of_an_attempt_are_local_paths(lake: Lake) -> None:
    put(lake, "one")
    folder = Lake(lake.store).current("events", DAY)
    assert (folder / "deep" / "a.txt").read_text() == "deep one"
    assert (folder / "deep/a.txt").read_text() == "deep one"
    assert not (folder / "none.txt").exists()
    assert {path.name for path in lake.copy(folder).rglob("*.txt")} == {"part.txt", "a.txt"}
    assert {item.key.rpartition("/")[2]: item.size for item in lake.files(folder)} == {"part.txt": 3, "a.txt": 8}


def test_missing_result_names_the_step_to_run(lake: Lake) -> None:
    with pytest.raises(NotInLakeError, match="events of 2026-03-01: found nothing .* `leapline extract --date 2026"):
        lake.current("events", DAY)
    with pytest.raises(NotInLakeError, match="models of m-1: .* `leapline models` lists the existing models"):
        lake.current("models", "m-1")


def test_failed_attempt_leaves_the_previous_result_and_no_files(lake: Lake) -> None:
    good = put(lake, "good")
    with pytest.raises(ZeroDivisionError), lake.attempt("events", DAY) as path:
        (path / "part.txt").write_text("half")
        raise ZeroDivisionError
    assert read(lake) == "good"
    assert attempts(lake) == {good}
    assert not path.exists()


def test_interrupt_after_the_swap_leaves_the_new_result_whole(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as SIGTERM, which Airflow sends to a task; the pointer names the attempt already."""
    put(lake, "old")

    def interrupted(store: object, key: str) -> None:
        assert key.endswith(heartbeat.HEARTBEAT)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(lake.store), "delete", interrupted)
        with pytest.raises(KeyboardInterrupt):
            put(lake, "new")
    assert read(lake) == "new"
    put(lake, "newest")
    assert read(lake) == "newest"


def test_replaced_attempt_is_kept_until_the_next_commit(lake: Lake) -> None:
    first, second = put(lake, "1"), put(lake, "2")
    assert attempts(lake) == {first, second}
    third = put(lake, "3")
    assert attempts(lake) == {second, third}


WRITER = """
import sys, time
from datetime import date
from leapline.settings import Settings
from leapline.storage import lake_of
with lake_of(Settings.load()).attempt("events", date(2026, 3, 1)) as path:
    (path / "half.txt").write_text("half")
    print(path.name, flush=True)
    time.sleep(60)
"""


def test_killed_writer_leaves_nothing_visible_and_a_later_commit_removes_its_files(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(lake, "good")
    writer = subprocess.Popen([sys.executable, "-c", WRITER], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    half = writer.stdout.readline().strip()
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    put(lake, "better")
    assert half in attempts(lake), "nobody can know yet that its writer is dead"
    assert read(lake) == "better"
    monkeypatch.setattr(heartbeat, "ABANDONED", timedelta(seconds=-5))
    put(lake, "best")
    assert half not in attempts(lake)
    assert read(lake) == "best"


def test_heartbeat_keeps_the_attempt_of_a_slow_writer(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "HEARTBEAT_INTERVAL", timedelta(seconds=0.2))
    monkeypatch.setattr(heartbeat, "ABANDONED", timedelta(seconds=3))
    with lake.attempt("events", DAY) as path:
        (path / "part.txt").write_text("slow")
        time.sleep(4)
        put(lake, "fast")
        assert path.name in attempts(lake)
    assert read(lake) == "slow"


def test_writer_cannot_commit_an_attempt_that_was_removed(lake: Lake) -> None:
    put(lake, "good")
    with pytest.raises(StorageError, match="attempt"), lake.attempt("events", DAY) as path:
        lake.store.delete_folder(f"{lake.folder('events', DAY)}/{path.name}")
    assert read(lake) == "good"


def test_key_that_is_removed_during_a_commit_is_no_error(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    touched = lake.store.delete

    def removed_meanwhile(key: str) -> None:
        touched(key)
        monkeypatch.undo()
        lake.remove("events", DAY)

    monkeypatch.setattr(type(lake.store), "delete", lambda _, key: removed_meanwhile(key))
    with lake.attempt("events", DAY) as out:
        (out / "rows").write_text("rows")
    assert not lake.has("events", DAY)


def test_last_of_two_concurrent_writers_wins_and_the_other_is_its_predecessor(lake: Lake) -> None:
    with lake.attempt("events", DAY) as slow:
        (slow / "part.txt").write_text("slow")
        fast = put(lake, "fast")
    assert read(lake) == "slow"
    assert attempts(lake) == {slow.name, fast}


def test_write_whose_answer_was_lost_keeps_the_previous_attempt(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client repeats the conditional write, which the store then refuses because of the first one."""
    first, replace = put(lake, "1"), lake.store.put_if_match
    answers = iter([False])

    def lost(key: str, content: bytes, version: str) -> bool:
        return replace(key, content, version) and next(answers, True)

    monkeypatch.setattr(lake.store, "put_if_match", lost)
    second = put(lake, "2")
    assert attempts(lake) == {first, second}
    assert read(lake) == "2"


def test_unknown_format_version_is_rejected_with_the_step_to_run(lake: Lake) -> None:
    put(lake, "from a later release")
    change_pointer(lake, lambda pointer: pointer | {"version": 99})
    with pytest.raises(FormatVersionError, match=r"events of 2026-03-01: found format version 99; .* step extract"):
        lake.current("events", DAY)


def test_pointer_without_a_version_is_read_as_version_1(lake: Lake) -> None:
    name = put(lake, "from before versions were recorded")
    change_pointer(lake, lambda pointer: {key: value for key, value in pointer.items() if key != "version"})
    assert lake.current("events", DAY).name == name


@pytest.mark.parametrize("content", [b"", b"{", bytes(60), b"null", b"[]", b'{"attempt": 1}'])
def test_damaged_pointer_is_named_and_replaced_by_the_next_commit(lake: Lake, content: bytes) -> None:
    """It is neither a missing result nor one that can never be written again."""
    put(lake, "good")
    lake.store.put(f"{lake.folder('events', DAY)}/{POINTER}", content)
    for read_it in (lake.current, lake.has):
        with pytest.raises(StorageError, match="date=2026-03-01/CURRENT.*again: `leapline extract --date 2026-03-01`"):
            read_it("events", DAY)
    put(lake, "better")
    assert read(lake) == "better"


def change_pointer(lake: Lake, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    key = f"{lake.folder('events', DAY)}/{POINTER}"
    present = lake.store.get(key)
    assert present is not None
    lake.store.put(key, json_bytes(change(parse_json(present.content, key))))


def test_full_disk_is_reported_with_the_free_space(tmp_path: Path) -> None:
    with (
        pytest.raises(DiskFullError, match="ENOSPC, [0-9,]+ of [0-9,]+ bytes free"),
        Lake(tmp_path).attempt("events", DAY),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert not Lake(tmp_path).has("events", DAY)


def test_files_are_replaced_atomically(tmp_path: Path) -> None:
    write_json(tmp_path / "deep" / "a.json", {"b": 1, "a": "é"})
    assert (tmp_path / "deep" / "a.json").read_text() == '{\n "a": "é",\n "b": 1\n}\n'
    write_bytes(tmp_path / "deep" / "a.json", b"not json")
    with pytest.raises(StorageError, match="a JSON file"):
        read_json(tmp_path / "deep" / "a.json")
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["a.json"]


def test_file_in_a_bucket_is_fetched_once_per_process(s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = lake_of(Settings.load(lake=f"s3://{s3_bucket}/lake"))
    fetched: list[str] = []
    download = S3Store.download

    def counted(store: S3Store, key: str, path: Path) -> bool:
        fetched.append(key.rpartition("/")[2])
        return download(store, key, path)

    monkeypatch.setattr(S3Store, "download", counted)
    with lake.attempt("events", DAY) as path:
        (path / "a.txt").write_text("1")
        (path / "b.txt").write_text("2")
    shutil.rmtree(path)
    for _ in range(3):
        assert (
            lake_of(Settings.load(lake=f"s3://{s3_bucket}/lake")).current("events", DAY) / "a.txt"
        ).read_text() == "1"
    assert fetched == ["a.txt"]
    monkeypatch.setattr(attempt_files, "SWEEP_INTERVAL", timedelta(0))
    os.utime(path, (0, 0))
    assert (lake.current("events", DAY) / "a.txt").read_text() == "1"
    assert fetched == ["a.txt", "a.txt"], "a copy that was not used for a day is removed"
