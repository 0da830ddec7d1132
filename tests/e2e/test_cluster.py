"""A night on a Spark cluster of two hosts that share nothing but buckets, and what happens to executors meanwhile.

The landed events contain a visitor with a third of all events. The results have to equal those of one machine with
folders: tables value by value, archive and image byte for byte.
"""

import gzip
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from leapline.deployment.factory import registry
from leapline.local.airflow_env import CONNECTION_VARIABLE, AirflowInstance
from leapline.local.airflow_run import RunOutcome, run_dag
from leapline.local.registry_service import LocalRegistry
from leapline.local.s3_service import LocalS3
from leapline.runtime.spark_cds import FEW_EVENTS
from leapline.settings import Settings
from leapline.storage import lake_of
from leapline.synthetic import GeneratorSpec, generate
from tests.conftest import ROOT
from tests.e2e.night import DAY, TABLES, Night, run_steps, settings_of
from tests.fakes.hosts import network
from tests.fakes.spark_cluster import PATH, Cluster, cluster_of_hosts
from tests.ports import free_address, free_port
from tests.steps.nights import FEATURES, spec_of

pytestmark = [pytest.mark.cluster, pytest.mark.e2e, pytest.mark.spark, pytest.mark.timeout(1200)]

VISITOR = 15
"""The column `domain_userid`."""
BUSY_VISITOR = "b5c0a9de-0000-4000-8000-000000000001"


@dataclass(frozen=True)
class Site:
    """A driver's machine with registry and S3 server, and a cluster of two hosts.

    Args:
        folder: of this machine; the workers do not have it.
        landing: the landed events in a folder.
        s3: the server, which has the same events in the bucket `night`.
        cluster: the running cluster.
        work: the workers' files.
    """

    folder: Path
    landing: Path
    s3: LocalS3
    cluster: Cluster
    work: Path

    def in_bucket(self, name: str, **values: Any) -> Settings:
        """Return the settings of an installation whose events and lake are in the bucket."""
        where = {"landing": "s3://night/enriched/good", "lake": f"s3://night/{name}"}
        return self.settings(name, s3_endpoint=self.s3.endpoint, **where, **values)

    def settings(self, name: str, **values: Any) -> Settings:
        """Return the settings of an installation with few features, because every executor compiles each."""
        # The busy visitor is a third of all sessions, which the gate would refuse as too few visitors in effect.
        values |= {"features": self.folder / "features.json", "min_effective_buyers": 2}
        return settings_of(self.folder / name, **values)

    def spark_options(self, name: str, **options: str) -> str:
        """Write Spark's options for a driver; return their folder, for `SPARK_CONF_DIR`."""
        conf = self.folder / f"conf-{name}"
        conf.mkdir()
        options |= {"spark.executor.defaultJavaOptions": FEW_EVENTS}
        (conf / "spark-defaults.conf").write_text("".join(f"{key} {value}\n" for key, value in options.items()))
        return str(conf)

    def executors(self) -> dict[int, str]:
        """Return the process ids of all running executors, with the folder of each worker."""
        workers = {}
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdigit() and b"CoarseGrainedExecutorBackend" in (entry / "cmdline").read_bytes():
                    folder = (entry / "cwd").readlink()
                    if self.work in folder.parents:
                        workers[int(entry.name)] = folder.relative_to(self.work).parts[0]
        return workers


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder, work = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("workers")
    landing = folder / "landing"
    generate(landing, GeneratorSpec(start=DAY - timedelta(days=1), days=2, sessions_per_day=1000))
    give_one_visitor_a_third(landing)
    (folder / "features.json").write_text(spec_of(FEATURES).dumps())
    with ExitStack() as stack:
        address, hosts = stack.enter_context(network(2))
        server = LocalS3(folder / "s3", ROOT / ".local/bin/versitygw", f"{address}:{free_port()}")
        server.start()
        stack.callback(server.stop)
        server.create_bucket("night")
        for path in (path for path in landing.rglob("*") if path.is_file()):
            server.client().upload_file(str(path), "night", f"enriched/good/{path.relative_to(landing).as_posix()}")
        cluster = stack.enter_context(cluster_of_hosts(work, address, hosts, [folder]))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        connection = {"conn_type": "spark", "host": cluster.url, "extra": {"deploy-mode": "client"}}
        patch.setenv(CONNECTION_VARIABLE, json.dumps(connection))
        patch.setenv("PATH", PATH)
        for name, value in server.environment.items():
            patch.setenv(name, value)
        running = Site(folder, landing, server, cluster, work)
        patch.setenv("SPARK_CONF_DIR", running.spark_options("all"))
        yield running


def give_one_visitor_a_third(landing: Path) -> None:
    """Write every third session of the landed events to one visitor."""
    for path in landing.glob("run=*/*.gz"):
        with gzip.open(path, "rt", newline="", errors="surrogateescape") as text:
            lines = [line.split("\t") for line in text.read().split("\n")]
        for line in lines:
            if len(line) > VISITOR and line[VISITOR][:1] in "01234":
                line[VISITOR] = BUSY_VISITOR
        with gzip.open(path, "wt", newline="", errors="surrogateescape") as out:
            out.write("\n".join("\t".join(line) for line in lines))


@pytest.fixture(scope="module")
def on_one_machine(site: Site) -> Iterator[Night]:
    """The night in folders, with a registry of its own."""
    local = LocalRegistry(site.folder / "registry", ROOT / ".local/bin/registry", free_address())
    settings = site.settings("one", registry=local.start().address, landing=site.landing)
    run_steps(settings)
    yield Night(settings, lake_of(settings))
    local.stop()


@pytest.fixture(scope="module")
def on_hosts(site: Site) -> Iterator[tuple[Night, RunOutcome]]:
    """The night by Airflow's DAG, with events and lake in the bucket."""
    local = LocalRegistry(site.folder / "registry-2", ROOT / ".local/bin/registry", free_address())
    settings = site.in_bucket("lake", registry=local.start().address)
    outcome = run_dag(settings, AirflowInstance(site.folder / "airflow", free_port()), DAY)
    assert outcome.state == "success", outcome.error + outcome.log.read_text()[-4000:]
    yield Night(settings, lake_of(settings), outcome.run_id), outcome
    local.stop()


def test_night_on_two_hosts_equals_one_on_one_machine(
    on_one_machine: Night, on_hosts: tuple[Night, RunOutcome]
) -> None:
    night, _ = on_hosts
    for dataset, name in TABLES:
        assert night.table(dataset, name) == on_one_machine.table(dataset, name), (dataset, name)
    for step in ("extract", "featurize"):
        assert night.summary(step) == on_one_machine.summary(step)
    for digest in ("archive_sha256", "image_digest"):
        assert night.summary("package")[digest] == on_one_machine.summary("package")[digest]
    assert registry(night.settings).digest("champion") == night.summary("publish")["digest"]


def test_master_saw_every_step_and_both_hosts_took_part(site: Site, on_hosts: tuple[Night, RunOutcome]) -> None:
    steps = [f"leapline-{step}" for step in ("extract", "featurize", "train", "evaluate")]
    assert [name for name in site.cluster.applications if name in steps][:4] == steps
    for worker in ("worker-1", "worker-2"):
        logs = [log.read_text() for log in (site.work / worker).glob("app-*/*/stderr")]
        assert any("Running task" in log for log in logs), worker


def test_workers_do_not_have_the_folders_of_the_driver(site: Site) -> None:
    [pid, *_] = site.cluster.workers.values()
    listed = subprocess.run(["nsenter", "--mount", "--target", str(pid), "ls", site.folder], capture_output=True)
    assert (listed.returncode, listed.stdout) == (0, b"")


@dataclass(frozen=True)
class Extraction:
    """An `extract` in the background, with Spark options of its own."""

    settings: Settings
    thread: threading.Thread


@pytest.fixture
def extract(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Extraction]]:
    """Starts `extract` in the bucket, on the cluster."""
    threads = []

    def start(name: str, **options: str) -> Extraction:
        settings = site.in_bucket(name).model_copy(update={"spark_master": site.cluster.url})
        monkeypatch.setenv("SPARK_CONF_DIR", site.spark_options(name, **options))
        thread = threading.Thread(target=run_steps, args=[settings], kwargs={"steps": ["extract"]})
        thread.start()
        threads.append(thread)
        return Extraction(settings, thread)

    yield start
    for thread in threads:
        thread.join()


def wait_for_task(site: Site, worker: str, number: int) -> int:
    """Return the executor of a worker as soon as it runs at least the given number of tasks of its application."""
    for _ in range(3000):
        for pid, name in site.executors().items():
            if name == worker and _log_of(pid).count("Running task") >= number:
                return pid
        time.sleep(0.05)
    raise TimeoutError("no such task")


def _log_of(pid: int) -> str:
    try:
        return (Path(f"/proc/{pid}/cwd").readlink() / "stderr").read_text()
    except OSError:  # it has written nothing yet, or has just ended
        return ""


@pytest.mark.parametrize("tasks", [2, 12])
def test_killed_executor_changes_nothing(
    site: Site, on_one_machine: Night, extract: Callable[..., Extraction], tasks: int
) -> None:
    running = extract(f"killed-{tasks}")
    os.kill(wait_for_task(site, "worker-2", tasks), signal.SIGKILL)
    running.thread.join()
    assert_equal(Night(running.settings, lake_of(running.settings)), on_one_machine)


def test_speculative_tasks_change_nothing(
    site: Site, on_one_machine: Night, extract: Callable[..., Extraction]
) -> None:
    options = {".interval": "20ms", ".multiplier": "1.1", ".quantile": "0.1", ".minTaskRuntime": "50ms", "": "true"}
    running = extract("speculation", **{f"spark.speculation{name}": value for name, value in options.items()})
    pid = wait_for_task(site, "worker-2", 4)
    os.kill(pid, signal.SIGSTOP)
    time.sleep(6)
    os.kill(pid, signal.SIGCONT)
    running.thread.join()
    assert_equal(Night(running.settings, lake_of(running.settings)), on_one_machine)


def assert_equal(night: Night, expected: Night) -> None:
    """Check tables and counts of `extract`, and that no attempt of a task has left a file."""
    assert night.summary("extract") == expected.summary("extract")
    for dataset, name in TABLES[:2]:
        assert night.table(dataset, name) == expected.table(dataset, name), (dataset, name)
    assert not [item.key for item in night.lake.store.list() if "__magic" in item.key or "_temporary" in item.key]
