"""Starting and stopping the local Airflow."""

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
from leapline.local.airflow_env import Place
from leapline.local.supervisor import Keeper
from leapline.settings import Settings
from leapline.storage import write_json
from tests.command import environment
from tests.conftest import ROOT
from tests.fakes.stub_steps import install_stub_steps, script_steps
from tests.ports import free_port


def quiet(_: str) -> None:
    """Says nothing."""


def test_a_taken_port_is_named_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"port {port} on 127.0.0.1: found something else"):
            airflow.up(Settings.load(home=tmp_path), Place(tmp_path / "airflow", port), quiet)
    assert not (tmp_path / "airflow").exists()


def test_down_without_up(tmp_path: Path) -> None:
    said: list[str] = []
    assert airflow.down(Place(tmp_path), said.append) is False
    assert said == ["Airflow was not running"]


def test_who_asks_a_stopped_airflow_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[list[str]] = []

    def ask(args: list[str], **_: Any) -> SimpleNamespace:
        asked.append(args)
        return SimpleNamespace(returncode=3)

    monkeypatch.setattr("subprocess.run", ask)
    settings = Settings.load(home=tmp_path, pseudonym_key="k" * 32)
    assert airflow.command(settings, Place(tmp_path / "airflow"), ["backfill", "create"]) == 3
    assert "Airflow is not running: what this asks for begins after `make up`" in capsys.readouterr().err
    airflow.command(settings, Place(tmp_path / "airflow"), ["dags", "list"])
    assert capsys.readouterr().err == ""
    assert [args[-2:] for args in asked] == [["backfill", "create"], ["dags", "list"]]


def test_a_process_id_that_another_process_got_is_left_alone(tmp_path: Path) -> None:
    write_json(tmp_path / "processes.json", {"scheduler": {"pid": os.getpid(), "started": 1.0}})
    assert airflow.down(Place(tmp_path), quiet) is False


def test_nobody_there_is_one_line() -> None:
    api = AirflowApi(f"http://127.0.0.1:{free_port()}", "admin", "x")
    with pytest.raises(LocalServiceError, match=r"Connection refused.*`make up`"):
        api.get("dags")


def test_a_keeper_starts_what_fails_again_but_not_what_fails_at_once(tmp_path: Path) -> None:
    count = tmp_path / "count"
    script = f"from pathlib import Path; p = Path({str(count)!r}); n = len(p.read_text()) if p.exists() else 0; "
    command = [sys.executable, "-c", script + "p.write_text('x' * (n + 1)); raise SystemExit(3 if n < 2 else 0)"]
    assert Keeper(command, soon_s=0, pause_s=0).run() == 0
    assert count.read_text() == "xxx"
    count.unlink()
    assert Keeper(command, soon_s=60, pause_s=0).run() == 3
    assert count.read_text() == "x"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    here = Place(tmp_path / "airflow", free_port())
    yield here
    airflow.down(here, quiet)


@contextmanager
def _written_to(place: Place, seconds: float) -> Iterator[None]:
    """Another writer holds Airflow's database for so long, from now on."""
    database = sqlite3.connect(place.folder / "airflow.db", timeout=20, isolation_level=None, check_same_thread=False)
    database.execute("BEGIN IMMEDIATE")
    writer = Timer(seconds, database.rollback)
    writer.start()
    try:
        yield
    finally:
        writer.join()
        database.close()


@pytest.mark.e2e
def test_up_runs_down(place: Place, tmp_path: Path) -> None:
    """`make up`, for real: healthy, a run by hand whose note is its verdict, found running; `make down`, and gone
    without a trace."""
    if not (ROOT / ".local/bin/registry").exists():
        pytest.skip("TOOLS ABSENT: `make setup` puts the registry into .local")
    (tmp_path / "bin").symlink_to(ROOT / ".local/bin")
    settings = Settings(
        home=tmp_path / "lake", tools=tmp_path, registry=f"127.0.0.1:{free_port()}", pseudonym_key=SecretStr("k" * 32)
    )
    env = os.environ | install_stub_steps(tmp_path / "line") | environment(settings)
    script_steps(tmp_path / "line", gate={"passed": False, "sentence": "Refused: too low."})
    said = _make("up", place, env)
    assert f"Airflow: {place.url}  user: admin  password: {place.password()}" in said
    api = AirflowApi(place.url, "admin", place.password())
    with _written_to(place, seconds=8):
        run = api.trigger("retrain", {"date": "2026-03-01", "roc_auc_threshold": 0.9})
    assert api.wait_for_run("retrain", run, 300) == "success"
    assert api.get(f"dags/retrain/dagRuns/{run}")["note"] == "Refused: too low."
    with pytest.raises(LocalServiceError, match=r"400 .*roc_auc_threshold.*Correct the request"):
        api.trigger("retrain", {"roc_auc_threshold": 0.2})
    assert api.get("pools/leapline_spark")["slots"] == 2

    first = _scheduler(place)
    first.kill()
    first.wait(30)
    again = _within(60, lambda: _scheduler(place))
    assert again.pid != first.pid
    run = api.trigger("retrain", {"date": "2026-03-02"})
    assert api.wait_for_run("retrain", run, 300) == "success"

    assert "Starting" in said
    assert "Starting" not in _make("up", place, env)
    other = Place(place.folder, free_port())
    with pytest.raises(PortTakenError, match=rf"running already, on port {place.port}; .* `make down`"):
        airflow.up(settings, other, quiet)
    assert api.get("monitor/health")["scheduler"]["status"] == "healthy", "a refused start stops nothing"

    family = [p for pid in psutil.pids() if str(place.folder) in _environment(pid) for p in [psutil.Process(pid)]]
    assert len(family) >= len(airflow.COMPONENTS)  # workers come and go with the work
    _make("down", place, env)
    assert not [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    assert airflow.down(place, quiet) is False


def _scheduler(place: Place) -> psutil.Process:
    """The scheduler itself, not its keeper.

    Raises:
        LookupError: it does not run.
    """
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if words[1:4] == ["-m", "airflow", "scheduler"] and _environment(process.pid) == str(place.folder):
            return process
    raise LookupError("scheduler")


def _within(seconds: float, look: Callable[[], psutil.Process]) -> psutil.Process:
    end = time.monotonic() + seconds
    while True:
        try:
            return look()
        except LookupError:
            if time.monotonic() > end:
                raise
        time.sleep(0.5)


def _make(target: str, place: Place, env: dict[str, str]) -> str:
    argv = ["make", target, f"PORT={place.port}"]
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _environment(pid: int) -> str:
    try:
        return psutil.Process(pid).environ().get("AIRFLOW_HOME", "")
    except psutil.Error:
        return ""
