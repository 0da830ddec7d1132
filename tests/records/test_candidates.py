"""The listing of candidates: one row each, pages before files."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from leapline.records.candidates import candidate_page, candidates
from leapline.storage import Lake, read_json, write_json

DAY = date(2026, 3, 1)
METRICS = {"roc_auc": 0.9, "roc_auc_interval": [0.88, 0.92], "average_precision": 0.5}


def publish(lake: Lake, day: date, digest: str = "sha256:1") -> str:
    model_id = f"{day}-0123456789ab"
    publication = {"data_day": day.isoformat(), "digest": digest, "image": "r/s", "metrics": METRICS, "parent": None}
    with lake.attempt("models", model_id) as out:
        write_json(out / "publication.json", publication)
        write_json(out / "verdict.json", {"passed": True, "summary": "Passed.", "result": "published"})
    judge(lake, day, passed=True, result="published")
    return model_id


def judge(lake: Lake, day: date, *, passed: bool, result: str) -> None:
    with lake.attempt("evaluations", day) as out:
        write_json(out / "metrics.json", METRICS)
    with lake.attempt("verdicts", day) as out:
        verdict = {"passed": passed, "summary": "Why.", "result": result, "champion": {"model_id": "parent"}}
        write_json(out / "verdict.json", verdict)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def test_published_model_and_its_day_are_one_row(lake: Lake) -> None:
    model_id = publish(lake, DAY)
    [row] = candidates(lake)
    assert (row.key, row.model_id, row.data_day, row.digest) == (model_id, model_id, "2026-03-01", "sha256:1")
    assert (row.roc_auc, row.passed, row.result) == (0.9, True, "published")


def test_refused_candidate_is_a_row_next_to_an_earlier_model_of_the_day(lake: Lake) -> None:
    model_id = publish(lake, DAY)
    judge(lake, DAY, passed=False, result="refused")
    assert [(row.model_id, row.result) for row in candidates(lake)] == [(model_id, "published"), (None, "refused")]


def test_candidate_that_waits_for_its_probe_is_a_row(lake: Lake) -> None:
    judge(lake, DAY, passed=True, result="to be probed")
    [row] = candidates(lake)
    assert (row.model_id, row.passed, row.result, row.parent) == (None, True, "to be probed", "parent")


def test_damaged_file_is_reported_in_its_row(lake: Lake) -> None:
    publish(lake, DAY - timedelta(days=1))
    broken = publish(lake, DAY)
    (lake.current("models", broken) / "publication.json").write_text("{")
    newest, older = candidates(lake)
    assert (newest.model_id, newest.result, newest.passed) == (broken, "unreadable", None)
    assert "publication.json" in newest.summary
    assert older.passed


def test_page_opens_only_its_own_files(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(40):
        publish(lake, DAY + timedelta(days=n))
    opened: list[Path] = []

    def counting(path: Path, *args: Any) -> Any:
        opened.append(path)
        return read_json(path, *args)

    monkeypatch.setattr("leapline.records.candidates.read_json", counting)
    rows, more = candidate_page(lake, None, 5)
    assert [row.data_day for row in rows] == [f"2026-04-{day:02d}" for day in (9, 8, 7, 6, 5)]
    assert more
    assert len(opened) <= 2 * 6
    older, more = candidate_page(lake, rows[-1].key, 100)
    assert len(older) == 35
    assert not more
