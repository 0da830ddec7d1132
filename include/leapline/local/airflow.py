"""The local Airflow: web UI, scheduler, DAG processor and triggerer on loopback, started together and stopped together.

Not `airflow standalone`: that opens log servers on every interface and leaves children behind when it is stopped.

    stopped --up--> api-server answers --> all four healthy, the DAGs read: running --down--> stopped
                        |
                        +-- one exits, or is not healthy in time: its log's end in the error, stopped

Each component has a keeper, which starts it again if it ends later on.
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
        PortTakenError: another process listens on the port, or this Airflow runs on another one.
        LocalServiceError: a component ended or was not healthy in time; the end of its log is in the message.
    """
    found = _running(place)
    check_port(place)
    api = AirflowApi(place.url, "admin", place.password())
    try:
        if not found:
            env = environment(settings, place)
            migrate(place, env, say)
            say(f"Starting {', '.join(COMPONENTS)} (logs in {place.folder / 'logs'})")
            _port_file(place).write_text(str(place.port))
            _start(place, "api-server", env)
            _wait(place, api, {"api-server"}, say)
            # Only now: a task that the scheduler starts before the API answers would fail.
            for name in COMPONENTS.keys() - {"api-server"}:
                _start(place, name, env)
        _wait(place, api, {*COMPONENTS, "DAGs"} - {"api-server"}, say)
        _make_pool(api)
    except LeaplineError:
        if not found:  # what was running before is left running
            down(place, lambda _: None)
        raise
    return api


def check_port(place: Place) -> None:
    """See that the port is this Airflow's or free.

    Raises:
        PortTakenError: another process listens on it, or this Airflow runs on another one.
    """
    if not _running(place):
        _must_be_free(place.port)
        return
    port = int(_port_file(place).read_text()) if _port_file(place).exists() else place.port
    if port != place.port:
        raise PortTakenError(
            f"the Airflow in {place.folder}",
            found=f"running already, on port {port}",
            expected=f"none, to start it on port {place.port}",
            fix=f"Use http://127.0.0.1:{port}, or stop it first: `make down`.",
        )


def down(place: Place, say: Say = print) -> bool:
    """Stop every process of this Airflow, running tasks included; False if none ran."""
    running = _running(place)
    families = {p for parent in running for p in _family(parent)}
    for parent in running:
        _signal_group(parent, signal.SIGTERM)
    _, alive = psutil.wait_procs(list(families), timeout=_STOP_S)
    # Some may have begun after the families were listed, and have lost their parent: their session tells them.
    left = {p for one in alive for p in _family(one)} | _in_sessions({parent.pid for parent in running})
    for process in left:
        _kill(process)
    psutil.wait_procs(list(left), timeout=_STOP_S)
    _pid_file(place).unlink(missing_ok=True)
    say(f"Stopped {len(running)} Airflow processes" if running else "Airflow was not running")
    return bool(running)


def _in_sessions(leaders: set[int]) -> set[psutil.Process]:
    found = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getsid(process.pid) in leaders and process.status() != psutil.STATUS_ZOMBIE:
                found.add(process)
    return found


def command(settings: Settings, place: Place, args: list[str]) -> int:
    """Run Airflow's own command line on this Airflow's database; its exit code."""
    if args[:2] in (["backfill", "create"], ["dags", "trigger"]) and not _running(place):
        print("Airflow is not running: what this asks for begins after `make up`.", file=sys.stderr)
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


def _start(place: Place, name: str, env: dict[str, str]) -> None:
    log_path = _log(place, name)
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "leapline.local.supervisor", *COMPONENTS[name]],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, cwd=ROOT, start_new_session=True,
        )  # fmt: skip
    known = {"pid": child.pid, "started": psutil.Process(child.pid).create_time()}
    write_json(_pid_file(place), _known(place) | {name: known})


def _wait(place: Place, api: AirflowApi, wanted: set[str], say: Say) -> None:
    """Until all of `wanted` is ready; says when each has become so."""
    began, told = time.monotonic(), set[str]()
    while missing := wanted - (ready := _ready(api)):
        for name in sorted(wanted & ready - told):
            say(f"  {name} ready after {time.monotonic() - began:.0f} s")
        told |= ready
        dead = _known(place).keys() - {name for name, _ in _processes(place)}
        if dead or time.monotonic() - began > _WAIT_S:
            raise _ended(place, sorted(dead or missing)[0])
        time.sleep(0.5)
    say(f"  {', '.join(sorted(wanted - told))} ready after {time.monotonic() - began:.0f} s")


def _ready(api: AirflowApi) -> set[str]:
    """The components that are healthy, and "DAGs" once all of them are read."""
    try:
        health = api.get("monitor/health")
        healthy = {name.replace("_", "-") for name, part in health.items() if part and part.get("status") == "healthy"}
        # One DAG a file: the first one read is not all of them, and a trigger of another would find nothing.
        wanted = len(list((ROOT / "dags").glob("*.py")))
        dags = {"DAGs"} if "dag-processor" in healthy and api.get("dags")["total_entries"] >= wanted else set()
    except LocalServiceError:
        return set()
    return healthy | dags | {"api-server"}


def _make_pool(api: AirflowApi) -> None:
    """The pool that bounds the Spark drivers at work; two, as each takes a driver's memory."""
    if SPARK_POOL not in {pool["name"] for pool in api.get("pools")["pools"]}:
        body = {"name": SPARK_POOL, "slots": 2, "description": "Spark drivers at work", "include_deferred": False}
        api.call("POST", "pools", body)


def _ended(place: Place, name: str) -> LocalServiceError:
    log = _log(place, "dag-processor" if name == "DAGs" else name)
    told = log.read_text(errors="replace").strip()[-800:] if log.exists() else ""
    return LocalServiceError(
        f"Airflow's {name}",
        found=f"not healthy; its log ends with: {told or 'nothing'}",
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


def _port_file(place: Place) -> Path:
    return place.folder / "port"


def _log(place: Place, component: str) -> Path:
    return place.folder / "logs" / f"{component}.log"


def _known(place: Place) -> dict[str, dict[str, float]]:
    """The processes that were started, each with its id and its start time."""
    found: dict[str, dict[str, float]] = read_json(_pid_file(place)) if _pid_file(place).exists() else {}
    return found


def _running(place: Place) -> list[psutil.Process]:
    return [process for _, process in _processes(place)]


def _processes(place: Place) -> list[tuple[str, psutil.Process]]:
    """The components that are alive; a process id that another process has got since does not count."""
    found = [(name, _alive(int(entry["pid"]), entry["started"])) for name, entry in _known(place).items()]
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
