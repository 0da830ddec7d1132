"""A Spark standalone cluster of real daemons: a master and workers, on this machine or on hosts of a test network."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.fakes.hosts import Host
from tests.ports import free_port

# Spark's scripts look for the interpreter that has PySpark on PATH.
PATH: Final = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
_LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True)
class Cluster:
    """A running cluster.

    Args:
        url: of the master, `spark://host:port`.
        web_ui: of the master.
        workers: the process ids of the workers, by address.
    """

    url: str
    web_ui: str
    workers: Mapping[str, int]

    def state(self) -> dict[str, Any]:
        """Return the master's own report: workers, active and completed applications."""
        with urllib.request.urlopen(f"{self.web_ui}/json/", timeout=10) as answer:  # noqa: S310
            return dict(json.load(answer))

    @property
    def applications(self) -> list[str]:
        """The names of the applications that have ended, oldest first."""
        return [application["name"] for application in self.state()["completedapps"]]

    def wait_for_workers(self) -> None:
        """Wait until the master knows all workers."""
        for _ in range(240):
            try:
                if self.state()["aliveworkers"] == len(self.workers):
                    return
            except OSError:
                pass
            time.sleep(0.5)
        raise TimeoutError("the workers are missing after 120 s")


@contextmanager
def local_cluster(folder: Path, workers: int = 1) -> Iterator[Cluster]:
    """Run a master and workers on loopback."""
    with _cluster(folder, _LOOPBACK, [(_LOOPBACK, []) for _ in range(workers)]) as cluster:
        yield cluster


@contextmanager
def cluster_of_hosts(folder: Path, master: str, hosts: Sequence[Host], hidden: Sequence[Path]) -> Iterator[Cluster]:
    """Run a master on this machine and one worker on each host.

    Args:
        folder: of the logs and of the workers' files; not hidden.
        master: this machine's address in the network.
        hosts: the other hosts.
        hidden: folders of this machine that the workers do not have.
    """
    with _cluster(folder, master, [(host.address, host.command([], hidden)) for host in hosts]) as cluster:
        yield cluster


@contextmanager
def _cluster(folder: Path, master: str, workers: Sequence[tuple[str, list[str]]]) -> Iterator[Cluster]:
    port, web_ui = free_port(), free_port()
    url, pids = f"spark://{master}:{port}", {}
    argv = ["org.apache.spark.deploy.master.Master", "--host", master, "--port", str(port), "--webui-port", str(web_ui)]
    with ExitStack() as stack:
        stack.enter_context(_daemon(folder / "master.log", [], argv, master))
        for number, (address, prefix) in enumerate(workers, 1):
            argv = ["org.apache.spark.deploy.worker.Worker", "--host", address, "--cores", "1", "--memory", "1g"]
            argv += ["--webui-port", "0", "--work-dir", str(folder / f"worker-{number}"), url]
            log = folder / f"worker-{number}.log"
            pids[f"{address}/{number}"] = stack.enter_context(_daemon(log, prefix, argv, address))
        running = Cluster(url, f"http://{master}:{web_ui}", pids)
        running.wait_for_workers()
        yield running


@contextmanager
def _daemon(log: Path, prefix: list[str], argv: list[str], address: str) -> Iterator[int]:
    """Run one of Spark's daemons for the duration of the block; provide its process id."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LEAPLINE_"))}
    env |= {"SPARK_LOCAL_IP": address, "SPARK_DAEMON_MEMORY": "256m", "PATH": PATH}
    with log.open("wb") as out:
        process = subprocess.Popen([*prefix, "spark-class", *argv], env=env, stdout=out, stderr=out)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(60)
