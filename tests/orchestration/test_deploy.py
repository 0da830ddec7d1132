"""The tasks that deploy: when they are skipped, and logins from connections."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from leapline.errors import DeployUnusableError
from leapline.rollout.target import parse_targets
from leapline.runtime.reports import write_report
from leapline.settings import Settings
from tests.orchestration.test_operators import ResolvedTask

AWS = {"conn_type": "aws", "login": "AKIATEST", "password": "a-secret", "extra": {"region_name": "eu-west-1"}}


class Task(ResolvedTask):
    """A task instance that keeps what is pushed."""

    pushed: Any = None

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed = value


@pytest.fixture(autouse=True)
def _installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAPLINE_HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("deploy", "promotion", "reason"),
    [("", {"promoted": True}, "LEAPLINE_DEPLOY names no target"),
     ("ecs://prod/scorer", {"promoted": False, "why": "a backfill"}, "this run has promoted nothing: a backfill"),
     ("ecs://prod/scorer", None, "this run has promoted nothing: the step promote has not run")],
)  # fmt: skip
def test_step_is_skipped_with_a_reason(
    deploy: str, promotion: Any, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    from leapline.orchestration.deploy import DeployStep

    monkeypatch.setenv("LEAPLINE_DEPLOY", deploy)
    if promotion:
        write_report(Settings.load(), "r", "promote", {"ok": True, "summary": promotion})
    task = Task()
    with pytest.raises(AirflowSkipException, match=reason):
        DeployStep(step="deploy").execute({"ti": task, "run_id": "r"})  # type: ignore[typeddict-item]
    assert task.pushed == {"skipped": True, "why": reason}


def test_promoted_run_is_deployed_with_airflows_logins(monkeypatch: pytest.MonkeyPatch) -> None:
    from leapline.orchestration.deploy import DeployChampion, DeployStep
    from leapline.orchestration.deploy_login import AirflowLogins

    calls = []

    def deploy(settings: Settings, run_id: str, logins: Any) -> dict[str, Any]:
        calls.append((settings.deploy, run_id, type(logins)))
        return {"targets": {}, "why": "m runs at every target"}

    monkeypatch.setattr("leapline.steps.deploy.deploy_champion", deploy)
    monkeypatch.setattr("leapline.rollout.deploy.deploy_champion", deploy)
    monkeypatch.setenv("LEAPLINE_DEPLOY", "ecs://prod/scorer")
    write_report(Settings.load(), "r", "promote", {"ok": True, "summary": {"promoted": True}})
    DeployStep(step="deploy").execute({"ti": Task(), "run_id": "r"})  # type: ignore[typeddict-item]
    DeployChampion().execute({"ti": Task(), "run_id": "by-hand"})  # type: ignore[typeddict-item]
    assert calls == [("ecs://prod/scorer", "r", AirflowLogins), ("ecs://prod/scorer", "by-hand", AirflowLogins)]


def test_champion_moved_by_hand_is_not_deployed_without_targets() -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    from leapline.orchestration.deploy import DeployChampion

    with pytest.raises(AirflowSkipException, match="LEAPLINE_DEPLOY names no target"):
        DeployChampion().execute({"ti": Task(), "run_id": "r"})  # type: ignore[typeddict-item]


def test_mistake_in_the_setting_fails_the_first_task(monkeypatch: pytest.MonkeyPatch) -> None:
    from leapline.orchestration.operators import ResolveDay

    none = dict.fromkeys(("logical_date", "data_interval_start", "data_interval_end"))
    run = SimpleNamespace(conf={}, run_type="manual", triggering_user_name="anna", **none)
    monkeypatch.setenv("LEAPLINE_DEPLOY", "k8s://shop/scorer")
    with pytest.raises(Exception, match="LEAPLINE_DEPLOY.*found k8s://shop/scorer"):
        ResolveDay().execute({"params": {"date": "2026-03-01"}, "dag_run": run})  # type: ignore[typeddict-item]


def test_aws_session_comes_from_the_connection_of_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    from leapline.orchestration.deploy_login import AirflowLogins

    monkeypatch.setenv("AIRFLOW_CONN_PROD", json.dumps(AWS))
    [target] = parse_targets("ecs://prod/scorer?connection=prod")
    session = AirflowLogins().aws_session(target, None)
    assert session.get_credentials().access_key == "AKIATEST"
    assert session.region_name == "eu-west-1"
    assert AirflowLogins().aws_session(target, "us-east-1").region_name == "us-east-1"


def test_password_and_extra_come_from_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    from leapline.orchestration.deploy_login import AirflowLogins

    content = {"conn_type": "http", "password": "a-secret", "extra": {"in_cluster": True}}
    monkeypatch.setenv("AIRFLOW_CONN_CI", json.dumps(content))
    [hook, other] = parse_targets("https://ci.example/x#connection=ci,lambda://score/live")
    connection = AirflowLogins().connection(hook)
    assert connection is not None
    assert (connection.password, connection.extra) == ("a-secret", {"in_cluster": True})
    assert "a-secret" not in repr(connection)
    assert AirflowLogins().connection(other) is None


@pytest.mark.parametrize(("name", "found"), [("nowhere", "no such connection"), ("ci", "type http; expected type aws")])
def test_unusable_connection_is_named(name: str, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from leapline.orchestration.deploy_login import AirflowLogins

    monkeypatch.setenv("AIRFLOW_CONN_CI", json.dumps({"conn_type": "http"}))
    [target] = parse_targets(f"ecs://prod/scorer?connection={name}")
    with pytest.raises(DeployUnusableError, match=f"ecs://prod/scorer, Airflow's connection {name}: found {found}"):
        AirflowLogins().aws_session(target, None)
