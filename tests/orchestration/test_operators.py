"""The operators: waiting, step arguments, errors, changed days."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from leapline.errors import RegistryError, SettingsError


class ResolvedTask:
    """A task instance whose XCom contains a resolved run."""

    def __init__(self, **resolved: Any) -> None:
        self.resolved = {"day": "2026-03-01", "backfill": False, "ready_at": None, "overrides": {}} | resolved

    def xcom_pull(self, task_ids: str) -> dict[str, Any]:
        assert task_ids == "resolve"
        return self.resolved


def test_missing_spark_connection_is_reported_instead_of_using_another_master(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    from leapline.orchestration.operators import SparkStep

    def missing(conn_id: str) -> None:
        raise AirflowNotFoundException(f"The conn_id `{conn_id}` isn't defined")

    monkeypatch.setattr(BaseHook, "get_connection", missing)
    monkeypatch.setenv("LEAPLINE_HOME", str(tmp_path))
    with pytest.raises(Exception, match="connection spark_default: found no such connection.*Admin > Connections"):
        SparkStep(step="extract").execute({"ti": ResolvedTask(), "run_id": "r"})  # type: ignore[typeddict-item]


def test_nightly_run_defers_until_the_tail_is_complete() -> None:
    from airflow.sdk.exceptions import TaskDeferred

    from leapline.orchestration.operators import WaitForTail

    moment = datetime.now(UTC) + timedelta(hours=1)
    with pytest.raises(TaskDeferred) as deferred:
        WaitForTail().execute({"ti": ResolvedTask(ready_at=moment.isoformat())})
    assert deferred.value.trigger.moment == moment


@pytest.mark.parametrize("ready_at", [None, "2026-03-02T03:00:00+00:00"])
def test_past_day_does_not_wait(ready_at: str | None) -> None:
    from leapline.orchestration.operators import WaitForTail

    WaitForTail().execute({"ti": ResolvedTask(ready_at=ready_at)})


def test_step_arguments_contain_day_run_and_overrides() -> None:
    from leapline.orchestration.operators import step_arguments

    resolved = ResolvedTask(backfill=True, overrides={"training_days": 3, "promote": False}).resolved
    assert step_arguments(resolved, "backfill__x") == [  # type: ignore[arg-type]
        *("--date", "2026-03-01", "--run-id", "backfill__x", "--backfill"),
        *("--set", "promote=False", "--set", "training_days=3"),
    ]


def test_step_arguments_parse_back_to_settings() -> None:
    from leapline.orchestration.operators import step_arguments
    from leapline.runtime.step import parse_overrides
    from leapline.settings import Settings

    pairs = step_arguments(ResolvedTask(overrides={"training_days": 3, "promote": False}).resolved, "x")[5::2]  # type: ignore[arg-type]
    settings = Settings.load(**parse_overrides(pairs))
    assert (settings.training_days, settings.promote) == (3, False)


@pytest.mark.parametrize(("reopen", "expected"), [(True, [{"date": "2026-03-02", "promote": False}]), (False, [])])
def test_changed_days_are_repeated_only_on_request(reopen: bool, expected: list[Any]) -> None:
    from leapline.orchestration.operators import ChangedDays

    class LateTask:
        def xcom_pull(self, task_ids: str) -> dict[str, Any]:
            days = {"2026-03-01": False, "2026-03-02": True}
            return {"days": [{"data_day": d, "changed": c, "sentence": d} for d, c in days.items()]}

    assert ChangedDays().execute({"ti": LateTask(), "params": {"reopen": reopen}}) == expected


def test_failure_comes_from_the_report_or_from_spark_submit() -> None:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException

    from leapline.orchestration.operators import submit_failure

    error = AirflowException("Error code is: 1")
    report = {"ok": False, "error": {"text": "the lake is full", "retriable": False}}
    assert type(submit_failure(report, error)) is AirflowFailException
    assert str(submit_failure(report, error)) == "the lake is full"
    report["error"] = {"text": "busy", "retriable": True}
    assert type(submit_failure(report, error)) is AirflowException
    assert submit_failure(None, error) is error
    assert submit_failure({"ok": True}, error) is error


def test_only_retriable_errors_are_retried() -> None:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException

    from leapline.orchestration.failures import airflow_failures

    parts = {"found": "a", "expected": "b", "fix": "c."}
    for error, kind in ((RegistryError, AirflowException), (SettingsError, AirflowFailException)):
        with pytest.raises(AirflowException, match="thing: found a; expected b. c.") as caught, airflow_failures():
            raise error("thing", **parts)
        assert type(caught.value) is kind


def test_tasks_check_the_lake_before_they_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowFailException

    from leapline.orchestration.operators import SparkStep, Step

    monkeypatch.setattr(BaseHook, "get_connection", lambda conn_id: pytest.fail("it went on"))
    monkeypatch.setenv("LEAPLINE_HOME", str(tmp_path / "own"))
    for task in (SparkStep(step="extract"), Step(step="check_events")):
        with pytest.raises(AirflowFailException, match="found no trace of this run, which began on host worker-1"):
            task.execute({"ti": ResolvedTask(host="worker-1"), "run_id": "r"})  # type: ignore[typeddict-item]
    assert not (tmp_path / "own").exists()


def test_spark_step_runs_in_this_process_if_a_driver_is_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It needs no connection of Spark then, and its report and error are the same."""
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowException

    from leapline.orchestration.operators import SparkStep
    from leapline.runtime.reports import past_report
    from leapline.runtime.spark import shared_driver
    from leapline.settings import Settings

    monkeypatch.setattr(BaseHook, "get_connection", lambda conn_id: pytest.fail("it is submitted"))
    monkeypatch.setenv("LEAPLINE_HOME", str(tmp_path))
    monkeypatch.setenv("LEAPLINE_PSEUDONYM_KEY", "ab" * 32)
    with shared_driver(), pytest.raises(AirflowException, match="found no") as caught:
        SparkStep(step="extract").execute({"ti": ResolvedTask(), "run_id": "r"})  # type: ignore[typeddict-item]
    with shared_driver(), pytest.raises(KeyboardInterrupt):
        SparkStep(step="extract").on_kill()
    report = past_report(Settings(home=tmp_path), "r", "extract")
    assert report is not None and report["error"]["text"] == str(caught.value)


def test_drivers_go_to_the_configured_queue_and_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    from leapline.orchestration.operators import SparkStep

    plain = SparkStep(step="extract")
    monkeypatch.setenv("AIRFLOW__LEAPLINE__SPARK_QUEUE", "drivers")
    monkeypatch.setenv("AIRFLOW__LEAPLINE__SPARK_POD_TEMPLATE", "/opt/spark-pod.yaml")
    configured = SparkStep(step="extract")
    assert (plain.queue, plain.executor_config) == ("default", {})
    assert (configured.queue, configured.executor_config) == ("drivers", {"pod_template_file": "/opt/spark-pod.yaml"})
