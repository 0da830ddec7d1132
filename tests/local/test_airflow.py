"""Starting and stopping the local Airflow."""

import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from pydantic import SecretStr

from leapline.errors import LocalServiceError, PortTakenError
from leapline.local import airflow
from leapline.local.airflow_api import AirflowApi
from leapline.local.airflow_env import AirflowInstance
from leapline.local.supervisor import Supervisor
from leapline.settings import Settings
from leapline.storage import write_json
from tests.airflow_runs import resolved
from tests.command import environment
from tests.conftest import ROOT
from tests.fakes.stub_steps import install_stub_steps, script_steps
from tests.ports import free_port


def quiet(_: str) -> None:
    """Discard a progress message."""


def test_taken_port_is_reported_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(
            PortTakenError, match=rf"port {port} on 127.0.0.1: found in use by process {os.getpid()} \("
        ):
            airflow.up(Settings.load(home=tmp_path), AirflowInstance(tmp_path / "airflow", port), quiet)
    assert not (tmp_path / "airflow").exists()


def test_down_reports_that_nothing_was_running(tmp_path: Path) -> None:
    messages: list[str] = []
    assert airflow.down(AirflowInstance(tmp_path), messages.append) is False
    assert messages == ["Airflow was not running"]


def test_command_warns_that_airflow_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commands: list[list[str]] = []

    def run(args: list[str], **_: Any) -> SimpleNamespace:
        commands.append(args)
        return SimpleNamespace(returncode=3)

    monkeypatch.setattr("subprocess.run", run)
    settings = Settings.load(home=tmp_path, pseudonym_key="k" * 32)
    assert airflow.command(settings, AirflowInstance(tmp_path / "airflow"), ["backfill", "create"]) == 3
    assert "Airflow is not running; the runs start after `make up`." in capsys.readouterr().err
    airflow.command(settings, AirflowInstance(tmp_path / "airflow"), ["dags", "list"])
    assert capsys.readouterr().err == ""
    assert [args[-2:] for args in commands] == [["backfill", "create"], ["dags", "list"]]


def test_down_ignores_a_reused_process_id(tmp_path: Path) -> None:
    write_json(tmp_path / "processes.json", {"scheduler": {"pid": os.getpid(), "started": 1.0}})
    assert airflow.down(AirflowInstance(tmp_path), quiet) is False


def test_api_reports_a_stopped_server_in_one_line() -> None:
    api = AirflowApi(f"http://127.0.0.1:{free_port()}", "admin", "x")
    with pytest.raises(LocalServiceError, match=r"Connection refused.*`make up`"):
        api.get("dags")


def test_supervisor_restarts_process_unless_it_failed_at_once(tmp_path: Path) -> None:
    count = tmp_path / "count"
    script = f"from pathlib import Path; p = Path({str(count)!r}); n = len(p.read_text()) if p.exists() else 0; "
    command = [sys.executable, "-c", script + "p.write_text('x' * (n + 1)); raise SystemExit(3 if n < 2 else 0)"]
    assert Supervisor(command, min_uptime_s=0, restart_delay_s=0).run() == 0
    assert count.read_text() == "xxx"
    count.unlink()
    assert Supervisor(command, min_uptime_s=60, restart_delay_s=0).run() == 3
    assert count.read_text() == "x"


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[AirflowInstance]:
    stopped = AirflowInstance(tmp_path / "airflow", free_port())
    yield stopped
    airflow.down(stopped, quiet)


@contextmanager
def locked_database(instance: AirflowInstance, seconds: float) -> Iterator[None]:
    """Hold the write lock of Airflow's database for so many seconds."""
    database = sqlite3.connect(
        instance.folder / "airflow.db", timeout=20, isolation_level=None, check_same_thread=False
    )
    database.execute("BEGIN IMMEDIATE")
    writer = Timer(seconds, database.rollback)
    writer.start()
    try:
        yield
    finally:
        writer.join()
        database.close()


@pytest.mark.e2e
def test_make_up_runs_dags_and_make_down_stops_every_process(instance: AirflowInstance, tmp_path: Path) -> None:
    """A manual run gets its verdict as a note, a killed scheduler is restarted, a second `make up` starts nothing.

    The connection of Spark steps is edited as in the web UI: only then do they run the stub of `spark-submit`.
    """
    if not (ROOT / ".local/bin/registry").exists():
        pytest.skip("TOOLS MISSING: `make setup` installs the registry into .local")
    (tmp_path / "bin").symlink_to(ROOT / ".local/bin")
    settings = Settings(
        home=tmp_path / "lake", tools=tmp_path, registry=f"127.0.0.1:{free_port()}", pseudonym_key=SecretStr("k" * 32)
    )
    env = os.environ | install_stub_steps(tmp_path / "stubs") | environment(settings)
    stub_connection = {"connection_id": "spark_default"} | json.loads(env.pop("AIRFLOW_CONN_SPARK_DEFAULT"))
    script_steps(tmp_path / "stubs", gate={"passed": False, "sentence": "Refused: too low."})
    output = make("up", instance, env)
    assert f"Airflow: {instance.url}  user: admin  password: {instance.password()}" in output
    api = AirflowApi(instance.url, "admin", instance.password())
    assert api.get("connections/spark_default")["host"] == "local[*]"
    edited = stub_connection | {"extra": json.dumps(stub_connection["extra"])}
    api.call("PATCH", "connections/spark_default", edited)
    with locked_database(instance, seconds=8):
        run = api.trigger("retrain", {"date": "2026-03-01", "roc_auc_threshold": 0.9})
    assert api.wait_for_run("retrain", run, 300) == "success"
    assert api.get(f"dags/retrain/dagRuns/{run}")["note"] == "Refused: too low."
    with pytest.raises(LocalServiceError, match=r"400 .*roc_auc_threshold.*Correct the request"):
        api.trigger("retrain", {"roc_auc_threshold": 0.2})
    assert api.get("pools/leapline_spark")["slots"] == 2

    first = scheduler(instance)
    first.kill()
    first.wait(30)
    assert retry(60, lambda: scheduler(instance)).pid != first.pid
    run = api.trigger("retrain", {"date": "2026-03-02"})
    assert resolved(api, run)["day"] == "2026-03-02"

    assert "Starting" in output
    again = make("up", instance, env)
    assert "Starting" not in again
    assert "Spark steps run on local[1], as the connection spark_default says" in again
    other = AirflowInstance(instance.folder, free_port())
    with pytest.raises(PortTakenError, match=rf"already running on port {instance.port}; .* `make down`"):
        airflow.up(settings, other, quiet)
    assert api.get("monitor/health")["scheduler"]["status"] == "healthy", "a rejected start stops nothing"

    processes = [p for pid in psutil.pids() if str(instance.folder) in airflow_home(pid) for p in [psutil.Process(pid)]]
    assert len(processes) >= len(airflow.COMPONENTS)
    make("down", instance, env)
    assert not [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    assert airflow.down(instance, quiet) is False


def scheduler(instance: AirflowInstance) -> psutil.Process:
    """Return the scheduler itself, not its supervisor.

    Raises:
        LookupError: it is not running.
    """
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if words[1:4] == ["-m", "airflow", "scheduler"] and airflow_home(process.pid) == str(instance.folder):
            return process
    raise LookupError("scheduler")


def retry(seconds: float, look: Callable[[], psutil.Process]) -> psutil.Process:
    end = time.monotonic() + seconds
    while True:
        try:
            return look()
        except LookupError:
            if time.monotonic() > end:
                raise
        time.sleep(0.5)


def make(target: str, instance: AirflowInstance, env: dict[str, str]) -> str:
    argv = ["make", target, f"PORT={instance.port}"]
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def airflow_home(pid: int) -> str:
    try:
        return psutil.Process(pid).environ().get("AIRFLOW_HOME", "")
    except psutil.Error:
        return ""


def test_pool_is_created_although_the_database_is_locked_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    class LockedApi:
        def get(self, path: str) -> dict[str, Any]:
            return {"pools": []}

        def call(self, method: str, path: str, body: dict[str, Any]) -> None:
            calls.append(path)
            if len(calls) < 3:
                raise LocalServiceError(path, found="500 Database error", expected="an answer", fix="Try again.")

    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    airflow._while_locked(lambda: airflow._create_pool(LockedApi()))
    assert calls == ["pools"] * 3
    calls.clear()
    monkeypatch.setattr(LockedApi, "get", lambda self, path: {"pools": [{"name": "leapline_spark"}]})
    airflow._while_locked(lambda: airflow._create_pool(LockedApi()))
    assert calls == []
