"""The local Airflow: web UI, scheduler, DAG processor and triggerer on loopback, started and stopped together.

`airflow standalone` is not used: it opens log servers on every interface and leaves child processes behind when it is
stopped.

    stopped --up--> api-server answers --> all four healthy, all DAGs parsed: running --down--> stopped
                        |
                        +-- a component exits, or is not healthy in time: error with its log tail, stopped

Each component runs under a supervisor that restarts it if it exits later on.
"""

import importlib.metadata
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from leapline.errors import LeaplineError, LocalServiceError, PortTakenError
from leapline.local.airflow_api import AirflowApi
from leapline.local.airflow_env import (
    CONNECTION_VARIABLE,
    ROOT,
    SPARK_CONNECTION,
    SPARK_POOL,
    AirflowInstance,
    environment,
    spark_connection,
)
from leapline.local.ports import require_free
from leapline.settings import Settings
from leapline.storage import read_json, write_json

# `--skip-serve-logs`: the web UI reads task logs from disk, so no further port is opened.
COMPONENTS = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
_START_TIMEOUT_S = 300.0
_STOP_TIMEOUT_S = 20.0
_DAGS = "DAGs"

Reporter = Callable[[str], None]
"""Receives each progress message."""


def up(settings: Settings, instance: AirflowInstance, report: Reporter = print) -> AirflowApi:
    """Start Airflow unless it is running already; wait until every component is healthy and all DAGs are parsed.

    Args:
        settings: passed on to the tasks.
        instance: the Airflow to start.
        report: receives progress messages.

    Returns:
        A client of its REST API.

    Raises:
        PortTakenError: another process listens on the port, or this instance runs on another port.
        LocalServiceError: a component exited or was not healthy in time; the message contains its log tail.
    """
    was_running = bool(_processes(instance))
    check_port(instance)
    api = AirflowApi(instance.url, "admin", instance.password())
    try:
        if not was_running:
            _start_components(settings, instance, api, report)
        _wait(instance, api, {*COMPONENTS, _DAGS} - {"api-server"}, report)
        _while_locked(lambda: _create_pool(api))
        _while_locked(lambda: _create_connection(settings, api, report))
    except LeaplineError:
        if not was_running:  # A failed start must not stop an Airflow that was already running.
            down(instance, lambda _: None)
        raise
    return api


def _start_components(settings: Settings, instance: AirflowInstance, api: AirflowApi, report: Reporter) -> None:
    env = environment(settings, instance)
    migrate(instance, env, report)
    report(f"Starting {', '.join(COMPONENTS)} (logs in {instance.folder / 'logs'})")
    _port_file(instance).write_text(str(instance.port))
    _start(instance, "api-server", env)
    _wait(instance, api, {"api-server"}, report)
    # The scheduler starts after the API server: a task started before the API answers would fail.
    for name in COMPONENTS.keys() - {"api-server"}:
        _start(instance, name, env)


def check_port(instance: AirflowInstance) -> None:
    """Check that the port is free or in use by this very instance.

    Raises:
        PortTakenError: another process listens on it, or this instance runs on another port.
    """
    if not _processes(instance):
        fix = f"choose another port: `make up PORT={instance.port + 1}`."
        require_free("127.0.0.1", instance.port, purpose="Airflow's web UI", fix=fix)
        return
    port = recorded_port(instance)
    if port != instance.port:
        raise PortTakenError(
            f"the Airflow in {instance.folder}",
            found=f"already running on port {port}",
            expected=f"Airflow stopped, or port {port} instead of {instance.port}",
            fix=f"Use http://127.0.0.1:{port}, or stop it first: `make down`.",
        )


def recorded_port(instance: AirflowInstance) -> int:
    """Return the port on which this Airflow was started last; the instance's own if it never was."""
    return int(_port_file(instance).read_text()) if _port_file(instance).exists() else instance.port


def down(instance: AirflowInstance, report: Reporter = print) -> bool:
    """Stop every process of this Airflow, including running tasks.

    Returns:
        Whether any process was running.
    """
    components = list(_processes(instance).values())
    trees = {process for parent in components for process in _tree(parent)}
    for parent in components:
        _signal_group(parent, signal.SIGTERM)
    _, alive = psutil.wait_procs(list(trees), timeout=_STOP_TIMEOUT_S)
    # Processes started after the trees were listed may have lost their parent; they share its session id.
    remaining = {p for process in alive for p in _tree(process)} | _in_sessions({parent.pid for parent in components})
    for process in remaining:
        _kill(process)
    psutil.wait_procs(list(remaining), timeout=_STOP_TIMEOUT_S)
    _pid_file(instance).unlink(missing_ok=True)
    report(f"Stopped {len(components)} Airflow processes" if components else "Airflow was not running")
    return bool(components)


def _in_sessions(leaders: set[int]) -> set[psutil.Process]:
    """Return the live processes whose session leader is one of `leaders`."""
    members = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getsid(process.pid) in leaders and process.status() != psutil.STATUS_ZOMBIE:
                members.add(process)
    return members


def command(settings: Settings, instance: AirflowInstance, args: list[str]) -> int:
    """Run Airflow's command line against this instance's database.

    Returns:
        The exit status.
    """
    if args[:2] in (["backfill", "create"], ["dags", "trigger"]) and not _processes(instance):
        print("Airflow is not running; the runs start after `make up`.", file=sys.stderr)
    return subprocess.run(
        [sys.executable, "-m", "airflow", *args], env=environment(settings, instance), cwd=ROOT
    ).returncode


def migrate(instance: AirflowInstance, env: dict[str, str], report: Reporter) -> None:
    """Create or upgrade the database; done once per Airflow version, because it takes seconds.

    Raises:
        LocalServiceError: the migration failed; the message contains Airflow's error output.
    """
    marker = instance.folder / f"migrated-{importlib.metadata.version('apache-airflow')}"
    if marker.exists():
        return
    report("Creating or upgrading Airflow's database")
    result = subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"], env=env, cwd=ROOT, capture_output=True, text=True
    )
    if result.returncode:
        raise LocalServiceError(
            "airflow db migrate",
            found=f"exit status {result.returncode}: {result.stderr.strip()[-600:]}",
            expected="a migrated database",
            fix=f"Read the message; if the database is corrupt, remove {instance.folder} and start again.",
        )
    marker.touch()


def _start(instance: AirflowInstance, name: str, env: dict[str, str]) -> None:
    log_path = _log(instance, name)
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "leapline.local.supervisor", *COMPONENTS[name]],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, cwd=ROOT, start_new_session=True,
        )  # fmt: skip
    entry = {"pid": child.pid, "started": psutil.Process(child.pid).create_time()}
    write_json(_pid_file(instance), _recorded(instance) | {name: entry})


def _wait(instance: AirflowInstance, api: AirflowApi, parts: set[str], report: Reporter) -> None:
    """Wait until all of `parts` (components, and "DAGs") are ready; report each as it becomes ready."""
    started, reported = time.monotonic(), set[str]()
    while missing := parts - (ready := _ready(api)):
        for name in sorted(parts & ready - reported):
            report(f"  {name} ready after {time.monotonic() - started:.0f} s")
        reported |= ready
        exited = _recorded(instance).keys() - _processes(instance).keys()
        if exited or time.monotonic() - started > _START_TIMEOUT_S:
            raise _not_healthy(instance, sorted(exited or missing)[0])
        time.sleep(0.5)
    report(f"  {', '.join(sorted(parts - reported))} ready after {time.monotonic() - started:.0f} s")


def _ready(api: AirflowApi) -> set[str]:
    """Return the healthy components, and "DAGs" once all DAG files are parsed."""
    try:
        health = api.get("monitor/health")
        healthy = {name.replace("_", "-") for name, part in health.items() if part and part.get("status") == "healthy"}
        # There is one DAG per file. Triggering a DAG that is not parsed yet would answer 404, so wait for all.
        dag_count = len(list((ROOT / "dags").glob("*.py")))
        dags = {_DAGS} if "dag-processor" in healthy and api.get("dags")["total_entries"] >= dag_count else set()
    except LocalServiceError:
        return set()
    return healthy | dags | {"api-server"}


def _while_locked(create: Callable[[], None]) -> None:
    """Call a function that creates what is missing; again if it fails, as SQLite is locked while a component starts."""
    for pause in (1, 2, 4):
        with suppress(LocalServiceError):
            return create()
        time.sleep(pause)
    return create()


def _create_pool(api: AirflowApi) -> None:
    """Create the pool that limits concurrent Spark drivers to two, as each takes a driver's memory."""
    if SPARK_POOL not in {pool["name"] for pool in api.get("pools")["pools"]}:
        body = {"name": SPARK_POOL, "slots": 2, "description": "Concurrent Spark drivers", "include_deferred": False}
        api.call("POST", "pools", body)


def _create_connection(settings: Settings, api: AirflowApi, report: Reporter) -> None:
    """Create the Spark connection in Airflow's database, where people can edit it; an existing one is kept."""
    if CONNECTION_VARIABLE in os.environ:
        return
    connections = {entry["connection_id"]: entry for entry in api.get("connections?limit=1000")["connections"]}
    if SPARK_CONNECTION not in connections:
        api.call("POST", "connections", {"connection_id": SPARK_CONNECTION} | spark_connection(settings))
    elif (host := connections[SPARK_CONNECTION]["host"]) != settings.spark_master:
        report(f"Spark steps run on {host}, as the connection {SPARK_CONNECTION} says (Admin > Connections)")


def _not_healthy(instance: AirflowInstance, name: str) -> LocalServiceError:
    log = _log(instance, "dag-processor" if name == _DAGS else name)
    tail = log.read_text(errors="replace").strip()[-800:] if log.exists() else ""
    return LocalServiceError(
        f"Airflow's {name}",
        found=f"not healthy; log tail: {tail or '(empty)'}",
        expected=f"healthy within {_START_TIMEOUT_S:.0f} s",
        fix=f"Read {log}, then start Airflow again.",
    )


def _pid_file(instance: AirflowInstance) -> Path:
    return instance.folder / "processes.json"


def _port_file(instance: AirflowInstance) -> Path:
    return instance.folder / "port"


def _log(instance: AirflowInstance, component: str) -> Path:
    return instance.folder / "logs" / f"{component}.log"


def _recorded(instance: AirflowInstance) -> dict[str, dict[str, float]]:
    """Return the recorded process id and start time of each started component."""
    path = _pid_file(instance)
    recorded: dict[str, dict[str, float]] = read_json(path) if path.exists() else {}
    return recorded


def _processes(instance: AirflowInstance) -> dict[str, psutil.Process]:
    """Return the components that are alive, without recorded process ids that another process reuses."""
    processes = {name: _alive(int(entry["pid"]), entry["started"]) for name, entry in _recorded(instance).items()}
    return {name: process for name, process in processes.items() if process is not None}


def _alive(pid: int, started: float) -> psutil.Process | None:
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return None
    return process if same else None


def _tree(process: psutil.Process) -> list[psutil.Process]:
    """Return the process and all its descendants."""
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
