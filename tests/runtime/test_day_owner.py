"""Two runs of one day do not interleave: the later one owns the day, and the earlier one ends as superseded."""

import threading
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from leapline.errors import NotInLakeError, StorageError, SupersededError
from leapline.records.runs import run_outcome
from leapline.runtime.context import RunContext
from leapline.runtime.day_owner import owner_key, owner_of, take_day
from leapline.runtime.step import perform
from leapline.settings import Settings
from leapline.storage import Lake
from tests.command import leapline

DAY = date(2026, 3, 5)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(home=tmp_path)


def work(settings: Settings, run_id: str, step: str = "gate", day: date = DAY) -> Any:
    return perform(step, lambda _s, _c: {"passed": True, "sentence": "x"}, settings, RunContext(day, run_id), True)


def test_first_step_of_a_later_run_supersedes_the_earlier_one(settings: Settings) -> None:
    work(settings, "first", "extract")
    assert owner_of(settings, DAY) == "first"
    work(settings, "first", "train")
    work(settings, "second", "extract")
    assert owner_of(settings, DAY) == "second"
    for _ in range(2):
        with pytest.raises(SupersededError, match=r"run first of 2026-03-05: found a later run.*second.*`resolve`"):
            work(settings, "first", "evaluate")
    work(settings, "second", "train")
    outcome = run_outcome(settings, "first")
    assert outcome
    assert (outcome.state, outcome.step) == ("superseded", "evaluate")
    assert "a later run of the same day, second" in outcome.sentence


def test_other_days_and_deployments_are_not_affected(settings: Settings) -> None:
    work(settings, "first")
    work(settings, "second")
    work(settings, "first", day=date(2026, 3, 6))
    work(settings, "first", "deploy")


def test_superseded_run_commits_nothing_more(settings: Settings) -> None:
    """It was in the middle of a step when the later run began."""
    lake = Lake(settings.home)

    def step(_settings: Settings, _context: RunContext) -> dict[str, Any]:
        with lake.attempt("candidates", DAY) as out:
            (out / "model").write_text("of the first run")
            take_day(settings, DAY, "second")
        return {}

    with pytest.raises(SupersededError):
        perform("train", step, settings, RunContext(DAY, "first"))
    with pytest.raises(NotInLakeError):
        lake.current("candidates", DAY)
    assert list((settings.home / "candidates" / f"date={DAY}").glob("attempt-*")) == []
    with lake.attempt("candidates", DAY):
        pass  # the guard ended with the step


def test_run_that_is_resolved_again_takes_the_day_back(settings: Settings) -> None:
    """A task `resolve` that was cleared on purpose."""
    work(settings, "first")
    work(settings, "second")
    take_day(settings, DAY, "first")
    work(settings, "first", "train")
    with pytest.raises(SupersededError):
        work(settings, "second", "train")


def test_of_many_runs_at_once_one_is_the_owner(settings: Settings) -> None:
    runs = [f"run-{number}" for number in range(8)]
    threads = [threading.Thread(target=take_day, args=(settings, DAY, run_id)) for run_id in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    owner = owner_of(settings, DAY)
    ended = []
    for run_id in runs:
        try:
            work(settings, run_id)
        except SupersededError:
            ended.append(run_id)
    assert sorted([*ended, str(owner)]) == runs


def test_owner_in_a_bucket(s3_bucket: str) -> None:
    settings = Settings.load(lake=f"s3://{s3_bucket}/lake")
    work(settings, "first")
    work(settings, "second")
    with pytest.raises(SupersededError):
        work(settings, "first")


@pytest.mark.parametrize("content", ["", "[", "[]", "null", "\0" * 40])
def test_damaged_owner_stops_the_day_until_a_new_run_begins(settings: Settings, content: str) -> None:
    """It may have named a later run, so nobody goes on as if there were none."""
    work(settings, "first")
    path = settings.home / owner_key(DAY)
    path.write_text(content)
    for run in ("first", "second"):
        with pytest.raises(StorageError, match=r"day-owners/2026-03-05.json.*from its task `resolve`"):
            work(settings, run)
        outcome = run_outcome(settings, run)
        assert outcome
        assert outcome.state == "failed"
    take_day(settings, DAY, "second")
    work(settings, "second")
    assert owner_of(settings, DAY) == "second"


def test_command_takes_the_day_from_a_run(settings: Settings) -> None:
    """The command fails because there is nothing to judge, but it was started on purpose."""
    work(settings, "first")
    with pytest.raises(NotInLakeError):
        leapline(settings, "gate", "--date", DAY.isoformat())
    with pytest.raises(SupersededError, match="manual-"):
        work(settings, "first")
