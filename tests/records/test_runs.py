"""The outcome of runs, and the run that the Models page shows first."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from leapline.errors import NotInLakeError
from leapline.records.runs import find_run
from leapline.runtime.context import STEPS
from leapline.runtime.reports import write_report
from leapline.settings import Settings
from tests.command import leapline

NIGHTLY, OLDER, MANUAL = "scheduled__2026-03-06", "scheduled__2026-03-05", "manual__2026-03-07"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "lake")


def finish(settings: Settings, run_id: str) -> None:
    """Add a run whose model was refused."""
    write(settings, run_id, "gate", ok=True, summary={"passed": False, "sentence": "Refused."})


def fail(settings: Settings, run_id: str) -> None:
    """Add a run that failed."""
    write(settings, run_id, "extract", ok=False, error={"text": "no events"})


def write(settings: Settings, run_id: str, step: str, **content: Any) -> None:
    write_report(settings, run_id, step, {"step": step, "day": "2026-03-05", "run_id": run_id} | content)


def headline(settings: Settings) -> str | None:
    folder = find_run(settings, None)
    return folder and folder.name


def test_headline_is_the_last_finished_nightly_run(settings: Settings) -> None:
    assert headline(settings) is None
    for run_id in (OLDER, NIGHTLY):
        finish(settings, run_id)
    for number in range(40):
        fail(settings, f"manual-{number:08}")
    fail(settings, MANUAL)
    finish(settings, "backfill__2026-03-08")
    write(settings, "scheduled__2026-03-09", "extract", ok=True, summary={})
    assert headline(settings) == NIGHTLY


def test_headline_without_nightly_runs_is_the_last_manual_run(settings: Settings) -> None:
    finish(settings, MANUAL)
    fail(settings, "manual-00000001")
    assert headline(settings) == MANUAL


@pytest.mark.parametrize("step", [*(step for step in STEPS if step not in ("extract", "deploy")), "run"])
def test_mistyped_date_leaves_no_report(settings: Settings, step: str) -> None:
    day = date(2126, 3, 5).isoformat()
    (settings.home / "landing").mkdir(parents=True)
    with pytest.raises(Exception, match=r"2126-03-05|PSEUDONYM_KEY") as error:
        leapline(settings, step.replace("_", "-"), "--date", day)
    assert type(error.value) is NotInLakeError or step == "run"
    assert not (settings.home / "runs").exists()
