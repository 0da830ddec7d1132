"""Exported events are private, and do not outlive their use."""

import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from leapline.sources.tables.export_folder import FOLDER, create_private, export_folder
from leapline.storage import LocalStore
from leapline.storage.heartbeat import ABANDONED, HEARTBEAT


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_this_user_can_read_an_export(tmp_path: Path) -> None:
    with export_folder(LocalStore(tmp_path / "lake")) as key:
        folder = tmp_path / "lake" / key
        create_private(folder / "0001.zst").close()
        assert [mode(path) for path in (folder.parent, folder, folder / "0001.zst")] == [0o700, 0o700, 0o600]


def test_export_is_removed_when_the_block_ends_or_fails(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stop"), export_folder(LocalStore(tmp_path)) as key:
        (tmp_path / key / "0001.zst").write_bytes(b"personal")
        raise ValueError("stop")
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_next_export_removes_those_of_killed_processes(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for name, age in (("killed", ABANDONED + timedelta(minutes=1)), ("running", ABANDONED / 2)):
        for file in (HEARTBEAT, "0001.zst"):
            store.put(f"{FOLDER}/{name}/{file}", b"x")
            past = (tmp_path / FOLDER / name / file).stat().st_mtime - age.total_seconds()
            os.utime(tmp_path / FOLDER / name / file, (past, past))
    with export_folder(store) as key:
        assert {path.name for path in (tmp_path / FOLDER).iterdir()} == {"running", Path(key).name}
