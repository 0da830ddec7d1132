"""A step on a real Spark standalone cluster, submitted by the operator through the connection `spark_default`."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from leapline.local.s3_service import LocalS3
from leapline.settings import Settings
from tests.command import environment
from tests.conftest import ROOT
from tests.ports import free_port

pytestmark = [pytest.mark.spark, pytest.mark.timeout(600)]

# Spark's scripts look for the interpreter that has PySpark on PATH.
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
STEP = """
from leapline.runtime.spark import spark_session
from leapline.runtime.step import main

def run(settings, context):
    with spark_session(settings, "cluster-test") as spark:
        total = spark.range(100).selectExpr("sum(id) AS total").head().total
        return {"total": total, "master": spark.sparkContext.master}

main("extract", run)
"""


S3_STEP = """
import os
from leapline.runtime.spark import spark_session
from leapline.runtime.step import main

def run(settings, context):
    with spark_session(settings, "s3-test") as spark:
        spark.range(1000).repartition(2).write.parquet("TABLE")
        # Python runs on the workers, so this is their environment and not the driver's.
        keys = spark.sparkContext.parallelize([0], 1).map(lambda _: "AWS_ACCESS_KEY_ID" in os.environ).first()
        return {"total": spark.read.parquet("TABLE").selectExpr("sum(id) AS total").head().total, "keys": keys}

main("extract", run)
"""


@dataclass(frozen=True)
class Cluster:
    """A master and one worker on loopback."""

    url: str
    web_ui: str

    def state(self) -> dict[str, Any]:
        """Return the master's own report: workers, active and completed applications."""
        with urllib.request.urlopen(f"{self.web_ui}/json/", timeout=10) as answer:  # noqa: S310
            return dict(json.load(answer))

    def wait_for_worker(self) -> None:
        for _ in range(240):
            try:
                if self.state()["aliveworkers"]:
                    return
            except OSError:
                pass
            time.sleep(0.5)
        raise TimeoutError("no worker after 120 s")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder, port, web_ui = tmp_path_factory.mktemp("cluster"), free_port(), free_port()
    address = ["--host", "127.0.0.1"]
    master = ["org.apache.spark.deploy.master.Master", *address, "--port", str(port), "--webui-port", str(web_ui)]
    worker = ["org.apache.spark.deploy.worker.Worker", *address, "--webui-port", str(free_port()), "--cores", "1"]
    worker += ["--memory", "1g", "--work-dir", str(folder), f"spark://127.0.0.1:{port}"]
    with ExitStack() as stack:
        for name, argv in (("master", master), ("worker", worker)):
            stack.enter_context(daemon(folder / f"{name}.log", argv))
        running = Cluster(f"spark://127.0.0.1:{port}", f"http://127.0.0.1:{web_ui}")
        running.wait_for_worker()
        yield running


@contextmanager
def daemon(log: Path, argv: list[str]) -> Iterator[None]:
    """Run one of Spark's daemons for the duration of the block."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    env |= {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_DAEMON_MEMORY": "256m", "PATH": PATH}
    with log.open("wb") as out:
        process = subprocess.Popen(["spark-class", *argv], env=env, stdout=out, stderr=out)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture
def submit(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Settings], Any]:
    """Runs a program as the step `extract` by the operator, on the cluster; returns the step's summary."""
    from leapline.orchestration.operators import SparkStep
    from tests.orchestration.test_operators import ResolvedTask

    def run(program: str, settings: Settings) -> Any:
        (tmp_path / "step.py").write_text(program)
        for name, value in environment(settings).items():
            monkeypatch.setenv(name, value)
        step = SparkStep(step="extract")
        step.application = str(tmp_path / "step.py")
        return step.execute({"ti": ResolvedTask(), "run_id": "cluster-test"})

    connection = {"conn_type": "spark", "host": cluster.url, "extra": {"deploy-mode": "client"}}
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", json.dumps(connection))
    monkeypatch.setenv("PATH", PATH)
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    return run


def test_step_runs_on_the_master_of_the_connection(
    cluster: Cluster, submit: Callable[[str, Settings], Any], tmp_path: Path
) -> None:
    summary = submit(STEP, Settings(home=tmp_path / "lake", spark_driver_memory="512m"))
    assert summary == {"total": 4950, "master": cluster.url}
    assert "leapline-cluster-test" in [application["name"] for application in cluster.state()["completedapps"]]


def test_executors_get_jars_and_credentials_for_buckets_from_the_driver(
    submit: Callable[[str, Settings], Any], s3_server: LocalS3, s3_bucket: str, tmp_path: Path
) -> None:
    lake = f"s3://{s3_bucket}/lake"
    settings = Settings(
        home=tmp_path / "home",
        lake=lake,
        s3_endpoint=s3_server.endpoint,
        tools=ROOT / ".local",
        spark_driver_memory="512m",
    )
    summary = submit(S3_STEP.replace("TABLE", f"s3a://{s3_bucket}/table"), settings)
    assert summary == {"total": 499500, "keys": False}
