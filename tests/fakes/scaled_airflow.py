"""An Airflow of several hosts on one machine: two schedulers and workers, each with its own home and host name.

The hosts share PostgreSQL with Airflow's state, the executor's queue, and S3. Workers have no password of the database.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from leapline.errors import LocalServiceError
from leapline.local.airflow_api import AirflowApi
from leapline.local.airflow_env import ROOT, SPARK_POOL, AirflowInstance
from leapline.local.airflow_env import environment as airflow_environment
from leapline.settings import Settings
from tests.fakes.postgres import PASSWORD, LocalPostgres
from tests.fakes.process_trees import kill_tree
from tests.ports import free_port

RECOVERY: Final = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "10",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "30",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
}
"""Lost workers and schedulers are noticed within a minute, instead of Airflow's five."""
SECRETS: Final = ("SQL_ALCHEMY_CONN", "FERNET_KEY", "SECRET_KEY", "JWT_SECRET", "PASSWORDS_FILE", "AUTH_MANAGER_USERS")
"""Ends of the variables that workers do not need."""
COMPONENTS: Final = {
    "api-server": ("api-server",),
    "scheduler-1": ("scheduler", "--skip-serve-logs"),
    "scheduler-2": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}


def on_host(name: str, folder: Path, command: Sequence[str]) -> list[str]:
    """Return the command that runs another on a host of that name, which can look its name up; `folder` is its own."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hosts").write_text(f"127.0.0.1 {name}\n127.0.0.1 localhost\n")
    script = 'hostname "$1" && mount --bind "$2" /etc/hosts && shift 2 && exec "$@"'
    new = ["unshare", "--map-root-user", "--uts", "--mount"]
    return [*new, "sh", "-c", script, "sh", name, str(folder / "hosts"), *command]


def homes(folder: Path) -> dict[str, str]:
    """Return the variables of a host's own folders."""
    return {"AIRFLOW_HOME": str(folder), "LEAPLINE_HOME": str(folder / "leapline")}


class ScaledAirflow:
    """The running processes.

    Args:
        folder: for the home of each host, and for logs.
        instance: the address of the API server.
        common: the environment of all hosts.

    Attributes:
        processes: by the host's name.
    """

    def __init__(self, folder: Path, instance: AirflowInstance, common: Mapping[str, str]) -> None:
        self._folder, self._common = folder, dict(common)
        self.api = AirflowApi(instance.url, "admin", instance.password())
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, host: str, arguments: Sequence[str], without: Sequence[str] = ()) -> None:
        """Start `airflow ARGUMENTS` on a host of that name, without the variables whose names end like that."""
        home = self._folder / host
        env = {name: value for name, value in self._common.items() if not name.endswith(tuple(without))}
        command = on_host(host, home, [sys.executable, "-m", "airflow", *arguments])
        with (home / "log").open("ab") as log:
            self.processes[host] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env | homes(home), cwd=ROOT,
                start_new_session=True,
            )  # fmt: skip

    def kill(self, host: str) -> None:
        """End all processes of a host at once, as when its machine is lost."""
        kill_tree(self.processes.pop(host).pid)

    def log(self, host: str) -> str:
        """Return the output of a host's component."""
        return (self._folder / host / "log").read_text(errors="replace")

    def wait_until_healthy(self, seconds: float = 240) -> None:
        """Wait until the API server reports every component as healthy and all DAGs are parsed."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(LocalServiceError):
                health = self.api.get("monitor/health")
                parsed = self.api.get("dags")["total_entries"] >= len(list((ROOT / "dags").glob("*.py")))
                if parsed and all(part["status"] == "healthy" for part in health.values()):
                    return
            ended = [host for host, process in self.processes.items() if process.poll() is not None]
            assert not ended, f"{ended[0]} has ended: {self.log(ended[0])[-3000:]}"
            time.sleep(1)
        raise TimeoutError(f"not healthy after {seconds:.0f} s; see {self._folder}")

    def tasks(self, run_id: str) -> dict[str, dict[str, Any]]:
        """Return the task instances of a run of `retrain`."""
        instances = self.api.get(f"dags/retrain/dagRuns/{quote(run_id)}/taskInstances?limit=100")["task_instances"]
        return {instance["task_id"]: instance for instance in instances}

    def task_log(self, run_id: str, task: str, attempt: int) -> str:
        """Return the log of a task's attempt, as the web UI shows it."""
        path = f"dags/retrain/dagRuns/{quote(run_id)}/taskInstances/{task}/logs/{attempt}?full_content=true"
        return "\n".join(str(line) for line in self.api.get(path)["content"])


def database_url(server: LocalPostgres, database: str) -> str:
    """Return SQLAlchemy's address of a database."""
    return f"postgresql+psycopg2://postgres:{quote(PASSWORD)}@127.0.0.1:{server.port}/{database}"


@contextmanager
def scaled_airflow(
    folder: Path,
    settings: Settings,
    variables: Mapping[str, str],
    prepare: Callable[[Mapping[str, str]], None],
    workers: Mapping[str, Sequence[str]],
) -> Iterator[ScaledAirflow]:
    """Run schedulers, the other components and workers for the duration of the block, with one slot for drivers.

    Args:
        folder: new folder for all of it.
        settings: of every host; the folder `home` differs.
        variables: environment of every host, with the address of an empty database.
        prepare: called with the whole environment before anything starts.
        workers: host -> arguments of `airflow`.
    """
    folder.mkdir()
    instance = AirflowInstance(folder / "secrets", free_port())
    common = airflow_environment(settings, instance) | RECOVERY | dict(variables)
    common["AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION"] = "True"
    migrated = subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"], env=common, cwd=ROOT, capture_output=True, text=True
    )
    assert migrated.returncode == 0, migrated.stderr[-3000:]
    prepare(common)
    airflow = ScaledAirflow(folder, instance, common)
    try:
        for host, arguments in COMPONENTS.items():
            airflow.start(host, arguments)
        for host, arguments in workers.items():
            airflow.start(host, arguments, without=SECRETS)
        airflow.wait_until_healthy()
        pool = {"name": SPARK_POOL, "slots": 1, "description": "One Spark driver", "include_deferred": False}
        airflow.api.call("POST", "pools", pool)
        yield airflow
    finally:
        for host in list(airflow.processes):
            airflow.kill(host)
