"""Retention: rows of old days are deleted, their metrics stay, and what is left is looked at again."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from leapline import clock
from leapline.errors import ErasureError
from leapline.privacy import retention
from leapline.privacy.retention import IN_EVALUATIONS, OF_VISITORS, delete_before
from leapline.records import binding
from leapline.settings import Settings
from leapline.storage import Lake, write_json
from tests.lakes import attempts_of, current_of
from tests.steps.nights import do

TODAY = clock.today()
OLD, NEW = TODAY - timedelta(days=100), TODAY - timedelta(days=5)
OTHERS = ("candidates", "verdicts", "checks")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path)
    for day in (OLD, NEW):
        for dataset in (*OF_VISITORS, *OTHERS):
            with lake.attempt(dataset, day) as out:
                write_json(out / "rows.json", dataset)
        for _ in range(2):
            with lake.attempt("evaluations", day) as out:
                for name in ("metrics.json", "scores.parquet", "item_scores.parquet", "probe_rows.json"):
                    write_json(out / name, name)
                for folder in ("plots", "probe_events"):
                    (out / folder).mkdir()
                    (out / folder / "a.parquet").write_bytes(b"x")
                binding.seal(lake, out, {"candidates": binding.digest_of(lake, lake.current("candidates", day))})
    return lake


def settings_of(lake: Lake, days: int) -> Settings:
    assert lake.store.folder
    return Settings(home=lake.store.folder, retention_days=days)


def test_rows_of_old_days_are_deleted_and_their_metrics_stay(lake: Lake) -> None:
    summary = do(settings_of(lake, 90), TODAY, "retain")["retain"]
    assert summary["deleted"] == {dataset: [OLD.isoformat()] for dataset in (*OF_VISITORS, "evaluations")}
    for dataset in OF_VISITORS:
        assert lake.days(dataset) == [NEW]
        assert attempts_of(lake, dataset, OLD) == []
    for dataset in OTHERS:
        assert lake.days(dataset) == [OLD, NEW]
    (attempt,) = attempts_of(lake, "evaluations", OLD)
    assert {path.name for path in attempt.iterdir()} == {"metrics.json", "plots", "seal.json"}
    assert {path.name for path in current_of(lake, "evaluations", NEW).iterdir()} > set(IN_EVALUATIONS)
    binding.checked_inputs(lake, "evaluations", OLD)
    assert do(settings_of(lake, 90), TODAY, "retain")["retain"]["deleted"] == {}


def test_nothing_is_deleted_by_default(lake: Lake) -> None:
    assert "everything is kept" in do(settings_of(lake, 0), TODAY, "retain")["retain"]["sentence"]
    assert lake.days("events") == [OLD, NEW]


def test_rows_that_are_still_there_are_an_error(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of an old day can write while old days are deleted."""

    def keep(_: Any, dataset: str, day: date) -> None:
        assert (dataset, day) != ("events", NEW)

    monkeypatch.setattr(Lake, "remove", keep)
    with pytest.raises(ErasureError, match=f"events of {OLD}.*no rows of visitors before"):
        retention.delete_before(lake, NEW)
    monkeypatch.undo()
    delete_before(lake, NEW)
