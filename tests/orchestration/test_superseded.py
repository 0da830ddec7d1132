"""The tasks of a run whose day a later run has taken are skipped, without alert and without retry."""

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from leapline.local.airflow_env import AirflowInstance
from leapline.local.airflow_run import run_dag
from leapline.records.runs import run_outcome
from leapline.runtime.day_owner import owner_of
from leapline.settings import Settings
from tests.fakes.stub_steps import script_steps
from tests.ports import free_address

DAY = date(2026, 3, 1)


class Task:
    """A task instance whose XCom contains the resolved run."""

    def __init__(self, resolved: Any) -> None:
        self.resolved = resolved

    def xcom_pull(self, task_ids: str) -> Any:
        return self.resolved


def resolve(run_id: str) -> dict[str, Any]:
    """Run the task `resolve` of a manual run; return the context of the run's later tasks."""
    from leapline.orchestration.operators import ResolveDay

    dag_run = SimpleNamespace(run_type="manual", conf={}, triggering_user_name="anna")
    context: Any = {"params": {"date": DAY.isoformat()}, "dag_run": dag_run, "run_id": run_id}
    return {"ti": Task(ResolveDay().execute(context)), "run_id": run_id}


@pytest.fixture
def settings(tmp_path: Path, stub_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in stub_environment.items():
        if name != "PYTHONPATH":  # the steps are the real ones
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("LEAPLINE_HOME", str(tmp_path / "lake"))
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    return Settings.load()


def test_dag_that_writes_no_results_of_the_day_supersedes_no_run(settings: Settings) -> None:
    from leapline.orchestration.operators import ResolveDay

    resolve("manual__1")
    dag_run = SimpleNamespace(run_type="manual", conf={}, triggering_user_name="anna")
    context: Any = {"params": {"date": DAY.isoformat()}, "dag_run": dag_run, "run_id": "erasure__1"}
    ResolveDay(takes_day=False).execute(context)
    assert owner_of(settings, DAY) == "manual__1"


@pytest.mark.parametrize("operator", ["Step", "SparkStep"])
def test_task_of_a_superseded_run_is_skipped(settings: Settings, operator: str) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    from leapline.orchestration import operators

    first, second = resolve("manual__1"), resolve("manual__2")
    assert owner_of(settings, DAY) == "manual__2"
    task = operators.Step(step="gate") if operator == "Step" else operators.SparkStep(step="extract")
    with pytest.raises(AirflowSkipException, match="later run of the same day, manual__2"):
        task.execute(first)  # type: ignore[arg-type]
    outcome = run_outcome(settings, "manual__1")
    assert outcome
    assert outcome.state == "superseded"
    with pytest.raises(Exception, match="expected") as other:
        task.execute(second)  # type: ignore[arg-type]
    assert not isinstance(other.value, AirflowSkipException), "the later run works, and finds no data"


def test_rest_of_a_superseded_dag_run_is_skipped(
    folder: Path, stub_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in stub_environment.items():
        monkeypatch.setenv(name, value)
    script_steps(folder, train={"superseded_by": "manual__later"})
    settings = Settings.load(home=folder / "lake", registry=free_address())
    done = run_dag(settings, AirflowInstance(folder / "airflow"), DAY)
    assert (done.state, done.error) == ("success", "")
    assert {task: state for task, state in done.tasks.items() if state != "success"} == dict.fromkeys(
        ("evaluate", "gate", "package", "probe", "publish", "promote", "deploy"), "skipped"
    )
    assert "ALERT" not in done.log.read_text()
