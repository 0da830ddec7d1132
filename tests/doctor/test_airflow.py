"""Planted problems of a real Airflow are named with their fix: database, DAG files, connections; it need not run."""

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from leapline.doctor.finding import Finding, Status
from leapline.errors import DataCheckError
from leapline.local.airflow import migrate
from leapline.local.airflow_env import AirflowInstance, environment
from leapline.runtime.reports import describe, write_report
from leapline.settings import Settings
from tests.doctor.conftest import YESTERDAY, examine

RUN = "scheduled__2026-03-02T00:00:00+00:00"
SPARK = '{"conn_type": "spark", "host": "local[*]", "extra": {"deploy-mode": "client"}}'


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an Airflow whose database is migrated."""
    settings = Settings(home=tmp_path_factory.mktemp("home"), tools=tmp_path_factory.mktemp("tools"))
    instance = AirflowInstance(settings.tools / "airflow")
    migrate(instance, environment(settings, instance), lambda _: None)
    return instance.folder


@pytest.fixture
def instance(home: Path, tmp_path: Path, database: Path) -> AirflowInstance:
    """An Airflow of an installation with that database, for this user only."""
    folder = tmp_path / "tools" / "airflow"
    folder.mkdir(mode=0o700)
    for path in database.iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    return AirflowInstance(folder)


@pytest.fixture
def connection(instance: AirflowInstance) -> Iterator[sqlite3.Connection]:
    """A connection to the database."""
    with closing(sqlite3.connect(instance.folder / "airflow.db")) as database:
        yield database


def findings() -> dict[str, Finding]:
    return {finding.part: finding for finding in examine("Airflow")}


def insert(database: sqlite3.Connection, table: str, **values: object) -> None:
    columns, marks = ", ".join(values), ", ".join("?" * len(values))
    with database:
        database.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", list(values.values()))


def insert_failed_run(database: sqlite3.Connection, state: str = "failed") -> None:
    """Write the nightly DAG, which is paused, and a finished run of it."""
    now = datetime.now(UTC).isoformat(" ")
    insert(
        database, "dag", dag_id="retrain", is_paused=1, is_stale=0, bundle_name="dags-folder", timetable_type="x",
        partition_mapper_info="{}", max_active_tasks=16, max_consecutive_failed_dag_runs=0,
        has_task_concurrency_limits=0,
    )  # fmt: skip
    insert(database, "dag_run", id=1, dag_id="retrain", run_id=RUN, run_type="scheduled", run_after=now, state=state,
           end_date=now)  # fmt: skip
    insert(database, "task_instance", id=uuid.uuid4().hex, task_id="check_events", dag_id="retrain", run_id=RUN,
           try_number=1, pool="default_pool", pool_slots=1, state=state, map_index=-1)  # fmt: skip


def configure_by_environment(settings: Settings, instance: AirflowInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the variables of an Airflow as in a container."""
    for name, value in environment(settings, instance).items():
        if name.startswith("AIRFLOW"):
            monkeypatch.setenv(name, value)


def test_stopped_airflow_is_examined_and_left_as_it_was(
    instance: AirflowInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", SPARK)
    before = {path.name: path.read_bytes() for path in instance.folder.iterdir() if path.is_file()}
    results = findings()
    assert {part for part, finding in results.items() if finding.status is Status.PROBLEM} == set()
    assert results["database"].status is Status.OK
    assert "retrain" in results["DAG files"].found
    assert (results["heartbeats"].status, results["heartbeats"].found) == (Status.WARNING, "Airflow is stopped")
    assert "make up" in results["heartbeats"].fix
    assert results["connection spark_default"].found == "master local[*]"
    assert {path.name: path.read_bytes() for path in instance.folder.iterdir() if path.is_file()} == before


def test_everything_that_is_wrong_is_named_at_once(
    instance: AirflowInstance, connection: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.load()
    insert_failed_run(connection)
    error = DataCheckError("events", found="3 of 9 expectations broken", expected="all", fix="Fix the source.")
    report = {"step": "check_events", "day": str(YESTERDAY), "run_id": RUN, "ok": False, "error": describe(error)}
    write_report(settings, RUN, "check_events", report)
    insert(connection, "connection", conn_id="old", conn_type="generic", password="gAAAAA-by-another-key",
           is_encrypted=1, is_extra_encrypted=0)  # fmt: skip
    now = datetime.now(UTC).isoformat(" ")
    insert(connection, "job", job_type="SchedulerJob", state="running", start_date=now, latest_heartbeat=now)
    configure_by_environment(settings, instance, monkeypatch)
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "retrain.py").write_text("from leapline.orchestration import no_such_name  # dag airflow\n")
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(dags))
    monkeypatch.setenv("LEAPLINE_ALERT_CONNECTIONS", "mail, chat, forgotten")
    monkeypatch.setenv("LEAPLINE_REGISTRY_CONNECTIONS", "harbor")
    monkeypatch.setenv("LEAPLINE_SIGNING_CONNECTION", "signer")
    monkeypatch.setenv("AIRFLOW_CONN_MAIL", '{"conn_type": "smtp", "host": "mail", "password": "password-of-mail"}')
    monkeypatch.setenv("AIRFLOW_CONN_CHAT", "http://chat:secret-of-chat@example.org")
    monkeypatch.setenv("AIRFLOW_CONN_HARBOR", '{"conn_type": "docker", "host": ')
    monkeypatch.setenv("AIRFLOW_CONN_SIGNER", '{"conn_type": "generic", "password": "some other text"}')
    results = findings()
    expected = {
        "heartbeats": ("no heartbeat: dag processor", "their logs"),
        "DAG files": ("no_such_name", "Correct the file"),
        "last DAG runs retrain": ("failed in check_events", "clear the failed task"),
        "stored secrets": ("old cannot be decrypted", "Restore the former key"),
        "connection spark_default": ("no such connection", "Admin > Connections"),
        "connection mail": ("LEAPLINE_ALERT_MAIL_TO", "is a mail server"),
        "connection chat": ("type 'http'", "LEAPLINE_ALERT_CONNECTIONS"),
        "connection forgotten": ("no such connection", "LEAPLINE_ALERT_CONNECTIONS"),
        "connection harbor": ("AIRFLOW_CONN_HARBOR: its text cannot be read", "Correct the variable"),
        "registry login": ("", "Connections"),
        "signing key": ("no private key in PEM form", "leapline keys create"),
    }
    problems = {part: finding for part, finding in results.items() if finding.status is Status.PROBLEM}
    assert set(problems) == set(expected)
    for part, (cause, fix) in expected.items():
        assert cause in problems[part].found, part
        assert fix in problems[part].fix, part
    assert "3 of 9 expectations broken" in problems["last DAG runs retrain"].found
    assert results["DAGs"].status is Status.WARNING
    assert "dags unpause retrain" in results["DAGs"].fix
    text = str(results)
    assert not [word for word in ("password-of-mail", "secret-of-chat", "some other text") if word in text]


def test_database_without_schema_is_named_and_only_what_needs_it_is_left_out(
    instance: AirflowInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    (instance.folder / "airflow.db").write_bytes(b"")
    configure_by_environment(Settings.load(), instance, monkeypatch)
    results = findings()
    assert results["database"].status is Status.PROBLEM
    assert "airflow db migrate" in results["database"].fix
    assert {finding.status for part, finding in results.items() if part != "database"} == {Status.NOT_APPLICABLE}


def test_files_of_airflow_that_others_can_read_are_named(instance: AirflowInstance) -> None:
    for path in instance.folder.iterdir():
        path.chmod(0o600)
    assert examine("Keys Airflow's files")[0].status is Status.OK
    (instance.folder / "secrets.json").chmod(0o644)
    assert examine("Keys Airflow's files")[0].status is Status.OK, "its folder is private"
    instance.folder.chmod(0o755)
    finding = examine("Keys Airflow's files")[0]
    assert str(instance.folder / "secrets.json") in finding.found
    assert finding.fix == f"Run `chmod -R go-rwx {instance.folder}`."


def test_airflow_that_was_never_started_is_no_problem(home: Path) -> None:
    assert [finding.status for finding in examine("Airflow")] == [Status.NOT_APPLICABLE]
    assert "make up" in examine("Airflow")[0].found
