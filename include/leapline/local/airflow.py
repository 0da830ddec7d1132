"""The local Airflow: web UI, scheduler, DAG processor and triggerer on loopback, started together and stopped together.

Not `airflow standalone`: that opens log servers on every interface and leaves children behind when it is stopped.

    stopped --up--> starting --all four healthy, the DAGs read--> running --down--> stopped
                        |
                        +-- one exits, or not healthy in time: its log's end in the error, stopped
"""

import importlib.metadata
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from leapline.errors import LeaplineError, LocalServiceError, PortTakenError
from leapline.local.airflow_api import AirflowApi
from leapline.local.airflow_env import ROOT, SPARK_POOL, Place, environment
from leapline.settings import Settings
from leapline.storage import read_json, write_json

# `--skip-serve-logs`: task logs are read from disk, so no further port is opened.
COMPONENTS = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
_WAIT_S = 300.0
_STOP_S = 20.0

Say = Callable[[str], None]


def up(settings: Settings, place: Place, say: Say = print) -> AirflowApi:
    """Start Airflow, or find it running; returns when all is healthy and the DAGs are read.

    Raises:
        PortTakenError: another process listens on the port.
        LocalServiceError: a component ended or was not healthy in time; the end of its log is in the message.
    """
    if not _running(place):
        _must_be_free(place.port)
        env = environment(settings, place)
        migrate(place, env, say)
        say(f"Starting {', '.join(COMPONENTS)} (logs in {place.folder / 'logs'})")
        write_json(_pid_file(place), {name: _start(place, name, env) for name in COMPONENTS})
    api = AirflowApi(place.url, "admin", place.password())
    try:
        _wait_healthy(place, api, say)
        _make_pool(api)
    except LeaplineError:
        down(place, lambda _: None)
        raise
    return api


def down(place: Place, say: Say = print) -> bool:
    """Stop every process of this Airflow, running tasks included; False if none ran."""
    running = _running(place)
    families = {p for parent in running for p in _family(parent)}
    for parent in running:
        _signal_group(parent, signal.SIGTERM)
    _, alive = psutil.wait_procs(list(families), timeout=_STOP_S)
    for process in {p for one in alive for p in _family(one)}:
        _kill(process)
    _pid_file(place).unlink(missing_ok=True)
    say(f"Stopped {len(running)} Airflow processes" if running else "Airflow was not running")
    return bool(running)


def command(settings: Settings, place: Place, args: list[str]) -> int:
    """Run Airflow's own command line on this Airflow's database; its exit code."""
    return subprocess.run(
        [sys.executable, "-m", "airflow", *args], env=environment(settings, place), cwd=ROOT
    ).returncode


def migrate(place: Place, env: dict[str, str], say: Say) -> None:
    """Make or update the database; once for each version of Airflow, as it costs seconds.

    Raises:
        LocalServiceError: it did not work; Airflow's own words are in the message.
    """
    done = place.folder / f"migrated-{importlib.metadata.version('apache-airflow')}"
    if done.exists():
        return
    say("Making Airflow's database")
    result = subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"], env=env, cwd=ROOT, capture_output=True, text=True
    )
    if result.returncode:
        raise LocalServiceError(
            "airflow db migrate",
            found=f"exit code {result.returncode}: {result.stderr.strip()[-600:]}",
            expected="a database that is up to date",
            fix=f"Look at the message; if the database is spoilt, remove {place.folder} and start again.",
        )
    done.touch()


def _start(place: Place, name: str, env: dict[str, str]) -> dict[str, float]:
    log_path = place.folder / "logs" / f"{name}.log"
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "airflow", *COMPONENTS[name]],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, cwd=ROOT, start_new_session=True,
        )  # fmt: skip
    return {"pid": child.pid, "started": psutil.Process(child.pid).create_time()}


def _wait_healthy(place: Place, api: AirflowApi, say: Say) -> None:
    began = time.monotonic()
    told: set[str] = set()
    while (missing := _missing(api, said=told, say=say, began=began)) and time.monotonic() - began < _WAIT_S:
        if dead := sorted(COMPONENTS.keys() - {name for name, _ in _processes(place)}):
            raise _ended(place, dead[0])
        time.sleep(0.5)
    if missing:
        raise _ended(place, missing[0])


def _missing(api: AirflowApi, said: set[str], say: Say, began: float) -> list[str]:
    """Which parts are not ready yet; says each one that has become so."""
    try:
        health = api.get("monitor/health")
        ready = {name for name, part in health.items() if part and part.get("status") == "healthy"}
        if ready >= {"metadatabase", "scheduler", "dag_processor", "triggerer"}:
            ready |= {"DAGs"} if api.get("dags")["total_entries"] else set()
    except LocalServiceError:
        return ["api-server"]
    for name in sorted(ready - said):
        say(f"  {name.replace('_', ' ')} ready after {time.monotonic() - began:.0f} s")
    said |= ready
    return [n for n in ("scheduler", "dag_processor", "triggerer", "DAGs") if n not in ready]


def _make_pool(api: AirflowApi) -> None:
    """The pool that bounds the Spark drivers at work; two, as each takes a driver's memory."""
    if SPARK_POOL not in {pool["name"] for pool in api.get("pools")["pools"]}:
        body = {"name": SPARK_POOL, "slots": 2, "description": "Spark drivers at work", "include_deferred": False}
        api.call("POST", "pools", body)


def _ended(place: Place, name: str) -> LocalServiceError:
    log = place.folder / "logs" / f"{name.replace('_', '-').replace('DAGs', 'dag-processor')}.log"
    return LocalServiceError(
        f"Airflow's {name}",
        found=f"not healthy; its log ends with: {log.read_text(errors='replace').strip()[-800:] or 'nothing'}",
        expected=f"healthy within {_WAIT_S:.0f} s",
        fix=f"Look at {log}, then start it again.",
    )


def _must_be_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as exc:
            raise PortTakenError(
                f"port {port} on 127.0.0.1",
                found=f"something else that uses it ({exc.strerror})",
                expected="a free port for Airflow's web UI",
                fix=f"Stop that, or choose another port: `make up PORT={port + 1}`.",
            ) from exc


def _pid_file(place: Place) -> Path:
    return place.folder / "processes.json"


def _running(place: Place) -> list[psutil.Process]:
    return [process for _, process in _processes(place)]


def _processes(place: Place) -> list[tuple[str, psutil.Process]]:
    """The components that are alive; a process id that another process has got since does not count."""
    if not _pid_file(place).exists():
        return []
    known = read_json(_pid_file(place)).items()
    found = [(name, _alive(int(entry["pid"]), entry["started"])) for name, entry in known]
    return [(name, process) for name, process in found if process is not None]


def _alive(pid: int, started: float) -> psutil.Process | None:
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return None
    return process if same else None


def _family(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _signal_group(process: psutil.Process, sig: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, sig)


def _kill(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.kill()
