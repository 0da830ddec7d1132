"""Readers of the lake see complete datasets, whatever happens to the writer."""

import errno
import os
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest

from leapline.errors import DiskFullError, FormatVersionError, NotInLakeError, StorageError
from leapline.storage import HEARTBEAT, POINTER, Lake, read_json, write_bytes, write_json
from leapline.storage.lake import ABANDONED
from tests.lakes import attempts_of, folder_of

DAY = date(2026, 3, 1)


def put(lake: Lake, text: str) -> Path:
    with lake.attempt("events", DAY) as path:
        (path / "part.txt").write_text(text)
    return path


def test_readers_follow_the_last_commit(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    assert not lake.has("events", DAY)
    put(lake, "one")
    put(lake, "two")
    assert (lake.current("events", DAY) / "part.txt").read_text() == "two"
    assert lake.days("events") == [DAY]


def test_missing_result_names_the_step_to_run(tmp_path: Path) -> None:
    with pytest.raises(NotInLakeError, match="events of 2026-03-01: found nothing .* `leapline extract --date 2026"):
        Lake(tmp_path).current("events", DAY)
    with pytest.raises(NotInLakeError, match="models of m-1: .* `leapline models` lists the existing models"):
        Lake(tmp_path).current("models", "m-1")


def test_failed_attempt_leaves_the_previous_result_and_no_files(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    good = put(lake, "good")
    with pytest.raises(ZeroDivisionError), lake.attempt("events", DAY) as path:
        (path / "part.txt").write_text("half")
        raise ZeroDivisionError
    assert lake.current("events", DAY) == good
    assert attempts_of(lake, "events", DAY) == [good]


def test_replaced_attempt_is_kept_until_the_next_commit(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    first, second = put(lake, "1"), put(lake, "2")
    assert first.exists()
    put(lake, "3")
    assert not first.exists()
    assert second.exists()


WRITER = """
import sys, time
from datetime import date
from pathlib import Path
from leapline.storage import Lake
with Lake(Path(sys.argv[1])).attempt("events", date(2026, 3, 1)) as path:
    (path / "half.txt").write_text("half")
    print(path, flush=True)
    time.sleep(60)
"""


def test_killed_writer_leaves_nothing_visible_and_the_next_commit_removes_its_files(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    good = put(lake, "good")
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    half = Path(writer.stdout.readline().strip())
    put(lake, "better")
    assert half.exists(), "the attempt of a running writer must not be removed"
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    put(lake, "better still")
    assert half.exists(), "nobody can know yet that its writer is dead"
    for file in half.iterdir():
        os.utime(file, (time.time() - ABANDONED.total_seconds() - 1,) * 2)
    put(lake, "best")
    assert not half.exists()
    assert (lake.current("events", DAY) / "part.txt").read_text() == "best"
    assert not good.exists()


def test_writer_cannot_commit_an_attempt_that_was_removed(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, "good")
    with pytest.raises(StorageError, match="attempt"), lake.attempt("events", DAY) as path:
        (path / HEARTBEAT).unlink()
        path.rmdir()
    assert (lake.current("events", DAY) / "part.txt").read_text() == "good"


def test_full_disk_is_reported_with_the_free_space(tmp_path: Path) -> None:
    with pytest.raises(DiskFullError, match="ENOSPC, [0-9,]+ bytes free"), Lake(tmp_path).attempt("events", DAY):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert not Lake(tmp_path).has("events", DAY)


def test_files_are_replaced_atomically(tmp_path: Path) -> None:
    write_json(tmp_path / "deep" / "a.json", {"b": 1, "a": "é"})
    assert (tmp_path / "deep" / "a.json").read_text() == '{\n "a": "é",\n "b": 1\n}\n'
    write_bytes(tmp_path / "deep" / "a.json", b"not json")
    with pytest.raises(StorageError, match="a JSON file"):
        read_json(tmp_path / "deep" / "a.json")
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["a.json"]


def test_last_of_two_concurrent_writers_wins(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with lake.attempt("events", DAY) as slow:
        (slow / "part.txt").write_text("slow")
        put(lake, "fast")
        time.sleep(0.01)
    assert (lake.current("events", DAY) / "part.txt").read_text() == "slow"


def test_unknown_format_version_is_rejected_with_the_step_to_run(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, "from a later release")
    pointer = folder_of(lake) / lake.folder("events", DAY) / POINTER
    write_json(pointer, read_json(pointer) | {"version": 99})
    with pytest.raises(FormatVersionError, match=r"events of 2026-03-01: found format version 99; .* step extract"):
        lake.current("events", DAY)


def test_pointer_without_a_version_is_read_as_version_1(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    path = put(lake, "from before versions were recorded")
    pointer = folder_of(lake) / lake.folder("events", DAY) / POINTER
    content = read_json(pointer)
    assert content.pop("version") == 1
    write_json(pointer, content)
    assert lake.current("events", DAY) == path
