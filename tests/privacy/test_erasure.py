"""Erasure: nothing of a visitor is left in the lake, the others stay, and later runs leave the visitor out."""

import json
import shutil
from datetime import date, timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from leapline.deployment.retired_models import retired_models
from leapline.errors import ErasedMeanwhileError
from leapline.privacy.exclusions import exclude
from leapline.privacy.pseudonym_keys import pseudonyms
from leapline.privacy.receipt import affected_models, write_receipt
from leapline.privacy.requests import add_request
from leapline.settings import Settings
from leapline.storage import Lake, read_json, write_json
from tests.events.lines import DAY, KEY
from tests.lakes import attempts_of, current_of
from tests.privacy.shop import ANNA, BEN, CHARLES, FIRST, SECOND
from tests.steps.nights import do

if TYPE_CHECKING:
    pass

pytestmark = [pytest.mark.spark, pytest.mark.usefixtures("spark")]


def erase(settings: Settings, *ids: str) -> dict[str, Any]:
    add_request(Lake(settings.home), "\n".join(ids).encode())
    return do(settings, SECOND, "erase")["erase"]


def rows(lake: Lake, dataset: str, name: str) -> list[dict[str, Any]]:
    return [row for day in (FIRST, SECOND) for row in table(lake, day, dataset, name)]


def table(lake: Lake, day: date, dataset: str, name: str) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    return pq.read_table(current_of(lake, dataset, day) / name).to_pylist()


def in_order(several: list[dict[str, Any]]) -> list[str]:
    """Return rows as texts, whatever files they are in."""
    return sorted(json.dumps(row, default=str, sort_keys=True) for row in several)


def files_with(settings: Settings, *texts: str) -> list[Path]:
    import pyarrow.parquet as pq

    matches = []
    for path in (p for p in settings.home.rglob("*") if p.is_file() and p.name != "excluded-visitors.json"):
        content = path.read_bytes()
        if path.suffix == ".parquet":
            content += json.dumps(pq.read_table(path).to_pylist(), default=str).encode()
        if any(text.encode() in content for text in texts):
            matches.append(path)
    return matches


def test_nothing_of_an_erased_visitor_is_left(settings: Settings, lake: Lake) -> None:
    before = {
        name: rows(lake, *name) for name in (("events", "events"), ("examples", "examples"), ("examples", "items"))
    }
    orders = len(rows(lake, "orders", "orders"))
    assert files_with(settings, ANNA)
    receipt = erase(settings, "user of anna")
    assert files_with(settings, ANNA, "user of anna") == []
    assert not (settings.home / "erasure-requests").exists() or not any((settings.home / "erasure-requests").iterdir())
    for name, old in before.items():
        others = [row for row in old if row["visitor"] != ANNA]
        assert in_order(rows(lake, *name)) == in_order(others), name
        assert [list(row) for row in rows(lake, *name)] == [list(row) for row in others], "columns in their order"
    assert len(rows(lake, "orders", "orders")) == orders - 5, "also that of the day on which the page was loaded again"
    assert all(len(attempts_of(lake, name, FIRST)) == 1 for name in ("events", "examples", "orders", "checks"))
    assert [(day["day"], day["events"], day["sessions"], day["orders"]) for day in receipt["days"]] == [
        ("2026-03-02", 8, 2, 2), ("2026-03-03", 8, 2, 3)
    ]  # fmt: skip
    assert receipt["sentence"] == "Erased 16 events of 1 visitor on 2 days."
    written = (settings.home / "erasures" / f"{receipt['run_id']}.json").read_text()
    assert ANNA not in written
    assert "anna" not in written


def test_later_runs_leave_the_visitor_out_and_need_no_new_examples(settings: Settings, lake: Lake) -> None:
    erase(settings, "user of anna")
    examples = lake.current("examples", FIRST).name
    assert list(do(settings, SECOND, "check_events", "featurize")["featurize"]) == ["2026-03-03"]
    assert lake.current("examples", FIRST).name == examples
    counts = do(settings, SECOND, "extract")["extract"]["2026-03-03"]
    assert counts["excluded"]["erased"] == 9
    assert files_with(settings, ANNA) == []
    assert {row["visitor"] for row in rows(lake, "events", "events")} == set(
        pseudonyms(KEY, ["user of ben", "user of charles"])
    )


@pytest.mark.parametrize(("step", "last"), [("extract", "profile"), ("featurize", "_counts")])
def test_step_that_an_erasure_meets_commits_nothing(
    settings: Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch, step: str, last: str
) -> None:
    """The visitors are excluded after it has read them, and before it commits."""
    module = "leapline.quality.profile" if step == "extract" else f"leapline.steps.{step}"
    original = getattr(import_module(module), last)

    def meets_an_erasure(*args: Any) -> Any:
        exclude(lake, [ANNA], DAY.date())
        return original(*args)

    if step == "featurize":
        shutil.rmtree(settings.home / "examples")
    before = {name: attempts_of(lake, name, SECOND) for name in ("events", "orders", "quarantine", "examples")}
    monkeypatch.setattr(f"{module}.{last}", meets_an_erasure)
    with pytest.raises(ErasedMeanwhileError, match="erased while the step was at work"):
        do(settings, SECOND, step)
    assert {name: attempts_of(lake, name, SECOND) for name in before} == before
    monkeypatch.undo()
    do(settings, SECOND, step)
    assert step == "featurize" or ANNA not in {row["visitor"] for row in table(lake, SECOND, "events", "events")}
    assert ErasedMeanwhileError.retriable, "so that the scheduler does the same"


def test_visitor_who_never_came_is_excluded_and_changes_nothing(settings: Settings, lake: Lake) -> None:
    attempts = {name: lake.current(name, FIRST).name for name in ("events", "examples", "orders", "checks")}
    receipt = erase(settings, "somebody else")
    assert receipt["days"] == []
    assert {name: lake.current(name, FIRST).name for name in attempts} == attempts


def test_interrupted_erasure_is_completed_by_the_next_one(
    settings: Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process ends after each of its commits in turn, before it removes the attempt with the visitors; the request
    stays until all is done."""
    real, written = Lake.remove_others, set()

    def remove_others(of: Lake, dataset: str, day: date) -> None:
        if (dataset, day) not in written:
            written.add((dataset, day))
            raise KeyboardInterrupt
        real(of, dataset, day)

    monkeypatch.setattr(Lake, "remove_others", remove_others)
    with lake.attempt("models", "2026-03-02-aaa") as out:
        write_json(out / "manifest.json", {"training_days": ["2026-03-01"]})
    add_request(lake, b"user of anna\nuser of ben")
    receipt: dict[str, Any] = {}
    for _ in range(20):
        try:
            receipt = do(settings, SECOND, "erase")["erase"]
        except KeyboardInterrupt:
            assert list((settings.home / "erasure-requests").iterdir())
            continue
        break
    assert len(written) >= 8
    assert files_with(settings, ANNA, BEN) == []
    assert {row["visitor"] for row in rows(lake, "events", "events")} == {CHARLES}
    assert not list((settings.home / "erasure-requests").iterdir())
    assert [(day["day"], day["events"], day["sessions"], day["orders"]) for day in receipt["days"]] == [
        ("2026-03-02", 16, 4, 4), ("2026-03-03", 16, 4, 5)
    ]  # fmt: skip
    assert receipt["models"] == ["2026-03-02-aaa"], "its day was finished by an attempt that wrote no receipt"


def test_receipt_of_a_run_that_is_repeated_replaces_none(settings: Settings, lake: Lake) -> None:
    first, second = (write_receipt(settings, lake, "manual", FIRST, number, []) for number in (1, 2))
    assert (first["visitors"], second["visitors"]) == (1, 2)
    assert sorted(path.name for path in (settings.home / "erasures").glob("*.json")) == ["manual-2.json", "manual.json"]


def test_models_of_the_days_are_listed_and_retired(settings: Settings, lake: Lake) -> None:
    for model_id, training in (
        ("2026-03-03-aaa", ["2026-03-02"]),
        ("2026-03-09-bbb", ["2026-03-08"]),
        ("2026-03-04-ccc", ["2026-03-03"]),
    ):
        with lake.attempt("models", model_id) as out:
            write_json(out / "manifest.json", {"training_days": training})
    with lake.attempt("models", "2026-03-09-old"):
        pass
    assert affected_models(lake, ["2026-03-03"]) == ["2026-03-03-aaa", "2026-03-04-ccc", "2026-03-09-old"]
    receipt = erase(settings, "user of anna")
    assert receipt["models"] == ["2026-03-03-aaa", "2026-03-04-ccc", "2026-03-09-old"]
    by = DAY.date().fromisoformat(receipt["retire_by"])
    assert retired_models(lake, by) == {}
    assert set(retired_models(lake, by + timedelta(days=1))) == set(receipt["models"])


def test_orders_without_events_do_not_stop_an_erasure(settings: Settings, lake: Lake) -> None:
    import shutil

    shutil.rmtree(settings.home / "events" / "date=2026-03-02")
    receipt = erase(settings, "user of anna")
    assert [day["examples"] > 0 for day in receipt["days"]] == [True, True]
    assert files_with(settings, ANNA) == []


def test_request_is_read_before_anything_changes(settings: Settings, lake: Lake) -> None:
    from leapline.errors import ErasureError

    (settings.home / "erasure-requests").mkdir()
    (settings.home / "erasure-requests" / "a.txt").write_bytes(b"\xff")
    with pytest.raises(ErasureError, match="not UTF-8"):
        do(settings, SECOND, "erase")
    assert not (settings.home / "excluded-visitors.json").exists()
    assert read_json(current_of(lake, "examples", FIRST) / "examples.json")["sessions"] == 6


def test_evaluations_without_scores_do_not_stop_an_erasure(settings: Settings, lake: Lake) -> None:
    """Retention has removed the scores of old days."""
    with lake.attempt("evaluations", FIRST) as out:
        write_json(out / "metrics.json", {})
    assert [day["scores"] for day in erase(settings, "user of anna")["days"]] == [0, 0]
    assert files_with(settings, ANNA) == []
