"""The whole DAG under Airflow's own runner, its operators real, the steps' work stood in for."""

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
Go = Callable[..., RunOutcome]


@pytest.fixture
def settings(folder: Path) -> Settings:
    return Settings.load(home=folder / "lake")


@pytest.fixture
def go(folder: Path, stand_ins: dict[str, str], settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Go:
    for name, value in stand_ins.items():
        monkeypatch.setenv(name, value)

    def run(conf: dict[str, Any] | None = None, **steps: Any) -> RunOutcome:
        script_steps(folder, **steps)
        return run_dag(settings, AirflowInstance(folder / "airflow"), DAY, conf)

    return run


def test_a_good_night(go: Go, settings: Settings) -> None:
    done = go({"roc_auc_threshold": 0.9, "promote": False})
    assert (done.state, done.error) == ("success", "")
    assert set(done.tasks.values()) == {"success"}
    report = past_report(settings, done.run_id, "evaluate")
    assert (
        report and report["summary"] | {"day": "2026-03-01", "threshold": 0.9, "backfill": False} == report["summary"]
    )
    report = past_report(settings, done.run_id, "promote")
    assert report and report["summary"]["promoted"] is False


def test_a_refused_model_ends_well_and_skips_the_rest(go: Go) -> None:
    done = go(gate={"passed": False, "sentence": "Refused: ROC AUC 0.81 is under 0.88."})
    assert (done.state, done.error) == ("success", "")
    assert {t for t, state in done.tasks.items() if state == "skipped"} == {"package", "probe", "publish", "promote"}
    assert "Refused: ROC AUC 0.81 is under 0.88." in done.log.read_text()


def test_a_spark_step_hands_its_reason_on(go: Go) -> None:
    done = go(extract={"error": ["NoEventsError", "events of 2026-03-01", "none", "some", "Look at the collector."]})
    assert done.state == "failed"
    assert done.error == "extract: events of 2026-03-01: found none; expected some. Look at the collector."
    assert done.tasks["check_events"] == "upstream_failed"
