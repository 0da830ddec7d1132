"""What dead writers have left is removed from all keys, and nothing else."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from leapline.settings import Settings
from leapline.storage import Lake, LocalStore, heartbeat, lake_of, write_json
from leapline.storage.sweeping import sweep
from tests.lakes import folder_of

OLD, DAY = date(2026, 1, 1), date(2026, 3, 1)


@pytest.fixture(params=["folder", "bucket"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    """Days with two committed attempts and a dead one, and a day and a model with a dead one alone."""
    if request.param == "folder":
        lake = Lake(tmp_path / "lake")
    else:
        lake = lake_of(Settings.load(home=tmp_path, lake=f"s3://{request.getfixturevalue('s3_bucket')}/lake"))
    for day in (OLD, DAY):
        for _ in range(2):
            with lake.attempt("events", day) as out:
                write_json(out / "rows.json", {})
    for folder in (f"events/date={OLD}", f"events/date={DAY}", f"examples/date={OLD}", "models/m-1"):
        lake.store.put(f"{folder}/attempt-dead/rows.json", b"{}")
        lake.store.put(f"{folder}/attempt-dead/.heartbeat", b"")
    return lake


def attempts(lake: Lake) -> list[str]:
    names = (item.key.split("/")[:3] for item in lake.store.list(""))
    return sorted({"/".join(name) for name in names if name[2:] and name[2].startswith("attempt-")})


def test_dead_attempts_are_removed_from_all_keys(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = attempts(lake)
    assert sweep(lake.store) == []
    assert attempts(lake) == everything, "their writers may be alive"
    monkeypatch.setattr(heartbeat, "ABANDONED", timedelta(seconds=-5))
    removed = sweep(lake.store)
    assert sorted(removed) == [name for name in everything if name.endswith("/attempt-dead")]
    assert attempts(lake) == [name for name in everything if not name.endswith("/attempt-dead")]
    assert len(attempts(lake)) == 4
    assert sweep(lake.store) == []


def test_sweep_of_some_days_leaves_the_others(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "ABANDONED", timedelta(seconds=-5))
    assert sorted(sweep(lake.store, [DAY])) == [f"events/date={DAY}/attempt-dead", "models/m-1/attempt-dead"]


def test_attempt_without_heartbeat_is_removed_only_if_the_pointer_does_not_name_it(lake: Lake) -> None:
    lake.store.delete(f"examples/date={OLD}/attempt-dead/.heartbeat")
    assert sweep(lake.store) == [f"examples/date={OLD}/attempt-dead"]


def test_files_that_were_to_replace_others_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(LocalStore(tmp_path))
    with lake.attempt("events", DAY) as out:
        write_json(out / "rows.json", {})
    left = [
        ".ledger.jsonl.0123abcd", "runs/r/.gate.json.0123abcd", f"events/date={DAY}/.CURRENT.0123abcd",
        "erasure-requests/..begun.json.json.0123abcd",
    ]  # fmt: skip
    others = ["ledger.jsonl", ".lock", "runs/r/gate.json", "erasure-requests/.begun.json", "registry/.x.0123abcd"]
    for key in (*left, *others):
        lake.store.put(key, b"x")
    assert sweep(lake.store) == []
    monkeypatch.setattr(heartbeat, "ABANDONED", timedelta(seconds=-5))
    assert sorted(sweep(lake.store)) == sorted(left)
    assert all((folder_of(lake) / key).exists() for key in others)
