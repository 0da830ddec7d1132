"""The whole DAG under Airflow's runner with real operators and stub steps."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from leapline.local.airflow_env import AirflowInstance
from leapline.local.airflow_run import RunOutcome, run_dag
from leapline.runtime.reports import past_report
from leapline.settings import Settings
from tests.fakes.stub_steps import script_steps

DAY = date(2026, 3, 1)
RunRetrain = Callable[..., RunOutcome]
Events = list[tuple[str, str, float]]


@pytest.fixture
def settings(folder: Path) -> Settings:
    return Settings.load(home=folder / "lake")


@pytest.fixture
def progress() -> Events:
    """Task, state and seconds of every event of the run."""
    return []


@pytest.fixture
def run_retrain(
    folder: Path,
    stub_environment: dict[str, str],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    progress: Events,
) -> RunRetrain:
    for name, value in stub_environment.items():
        monkeypatch.setenv(name, value)

    def run(conf: dict[str, Any] | None = None, **steps: Any) -> RunOutcome:
        script_steps(folder, **steps)
        return run_dag(
            settings, AirflowInstance(folder / "airflow"), DAY, conf, on_task=lambda *event: progress.append(event)
        )

    return run


def test_passed_model_runs_every_task_with_the_params(
    run_retrain: RunRetrain, settings: Settings, progress: Events
) -> None:
    deploy = {"skipped": True, "why": "LEAPLINE_DEPLOY names no target"}
    outcome = run_retrain({"roc_auc_threshold": 0.9, "promote": False}, deploy=deploy)
    assert (outcome.state, outcome.error) == ("success", "")
    assert outcome.tasks.pop("deploy") == "skipped"
    assert [state for task, state, _ in progress if task == "deploy"] == ["running", "skipped"]
    assert "Traceback" not in outcome.log.read_text()
    assert set(outcome.tasks.values()) == {"success"}
    report = past_report(settings, outcome.run_id, "evaluate")
    assert (
        report and report["summary"] | {"day": "2026-03-01", "threshold": 0.9, "backfill": False} == report["summary"]
    )
    report = past_report(settings, outcome.run_id, "promote")
    assert report and report["summary"]["promoted"] is False


def test_failed_spark_step_reports_its_own_error(run_retrain: RunRetrain) -> None:
    outcome = run_retrain(
        extract={"error": ["NoEventsError", "events of 2026-03-01", "none", "some", "Look at the collector."]}
    )
    assert outcome.state == "failed"
    assert outcome.error == "extract: events of 2026-03-01: found none; expected some. Look at the collector."
    assert outcome.tasks["check_events"] == "upstream_failed"
