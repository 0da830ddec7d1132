"""A step on a real Spark standalone cluster, submitted by the operator through the connection `spark_default`."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from leapline.local.s3_service import LocalS3
from leapline.settings import Settings
from tests.command import environment
from tests.conftest import ROOT
from tests.fakes.spark_cluster import PATH, Cluster, local_cluster

pytestmark = [pytest.mark.spark, pytest.mark.timeout(600)]

STEP = """
from leapline.runtime.spark import spark_session
from leapline.runtime.step import main

def run(settings, context):
    with spark_session(settings, "cluster-test") as spark:
        total = spark.range(100).selectExpr("sum(id) AS total").head().total
        return {"total": total, "master": spark.sparkContext.master}

main("extract", run)
"""

TOO_LARGE = """
import os
from pyspark.sql import SparkSession
from leapline.runtime.spark_executors import require_executor
from leapline.runtime.step import main

def run(settings, context):
    spark = SparkSession.builder.config("spark.executor.memory", "100g").getOrCreate()
    require_executor(spark, patience_s=2)

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


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with local_cluster(tmp_path_factory.mktemp("cluster"), workers=2) as running:
        yield running


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
    assert "leapline-cluster-test" in cluster.applications


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


def test_cluster_without_a_fitting_worker_is_reported(submit: Callable[[str, Settings], Any], tmp_path: Path) -> None:
    message = "found no executor after 2 s; expected a worker with free cores .1 or more. and 100g of free memory"
    with pytest.raises(Exception, match=message):
        submit(TOO_LARGE, Settings(home=tmp_path / "lake", spark_driver_memory="512m"))
