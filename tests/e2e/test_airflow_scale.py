"""Runs of an Airflow with several schedulers and workers, of which some are lost."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest

from leapline.deployment.factory import registry
from leapline.local.airflow_env import CONNECTION_VARIABLE, spark_connection
from leapline.local.registry_service import LocalRegistry
from leapline.local.s3_service import REGION, LocalS3
from leapline.settings import Settings
from leapline.storage import lake_of
from leapline.synthetic import GeneratorSpec, generate
from tests.conftest import ROOT
from tests.e2e.night import DAY, TABLES, Night, run_steps, settings_of
from tests.fakes.airflow_executors import Executor, celery, kubernetes
from tests.fakes.postgres import LocalPostgres
from tests.fakes.scaled_airflow import ScaledAirflow, database_url, scaled_airflow
from tests.ports import free_address
from tests.steps.nights import FEATURES, spec_of

pytestmark = [pytest.mark.airflow_scale, pytest.mark.e2e, pytest.mark.spark, pytest.mark.timeout(2400)]

DRIVERS: Final = ("extract", "featurize", "train", "evaluate")
LOGS: Final = "aws_logs"


@dataclass(frozen=True)
class Site:
    """What all hosts share.

    Args:
        folder: of this machine.
        s3: the server, with the events in the bucket `shop` and the tasks' logs in the bucket `logs`.
        landing: the same events in a folder.
    """

    folder: Path
    s3: LocalS3
    landing: Path

    def settings(self, name: str, **values: Any) -> Settings:
        """Return the settings of an installation; each needs a driver of its own."""
        return settings_of(self.folder / name, features=self.folder / "features.json", lookahead_hours=0, **values)

    def variables(self, logs_key: str) -> dict[str, str]:
        """Return the environment of every host: connections, S3, and logs under a key of their bucket."""
        keys = self.s3.credentials
        extra = {"endpoint_url": self.s3.endpoint, "region_name": REGION}
        logs = {"conn_type": "aws", "login": keys.access_key, "password": keys.secret_key, "extra": extra}
        return self.s3.environment | {
            CONNECTION_VARIABLE: json.dumps(spark_connection(self.settings("spark"))),
            f"AIRFLOW_CONN_{LOGS.upper()}": json.dumps(logs),
            "AIRFLOW__LOGGING__REMOTE_LOGGING": "True",
            "AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER": f"s3://logs/{logs_key}",
            "AIRFLOW__LOGGING__REMOTE_LOG_CONN_ID": LOGS,
        }


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, s3_server: LocalS3) -> Site:
    folder = tmp_path_factory.mktemp("site")
    generate(folder / "landing", GeneratorSpec(start=DAY - timedelta(days=2), days=3, sessions_per_day=800))
    (folder / "features.json").write_text(spec_of(FEATURES).dumps())
    for bucket in ("shop", "logs"):
        s3_server.create_bucket(bucket)
    client = s3_server.client()
    for path in (path for path in (folder / "landing").rglob("*") if path.is_file()):
        client.upload_file(str(path), "shop", f"landing/{path.relative_to(folder / 'landing').as_posix()}")
    return Site(folder, s3_server, folder / "landing")


@dataclass(frozen=True)
class Runs:
    """Two runs at the same time, during which a worker and a scheduler were lost.

    Args:
        airflow: on which they ran.
        executor: of this Airflow.
        run_ids: data day -> run.
        settings: of all hosts.
        logs: key of the tasks' logs in their bucket.
        killed: the host that was lost.
    """

    airflow: ScaledAirflow
    executor: Executor
    run_ids: dict[str, str]
    settings: Settings
    logs: str
    killed: str

    def night(self, day: str) -> Night:
        """Return the results of a day."""
        return Night(self.settings, lake_of(self.settings), self.run_ids[day])

    def tasks(self) -> list[dict[str, Any]]:
        """Return the task instances of both runs."""
        return [task for run_id in self.run_ids.values() for task in self.airflow.tasks(run_id).values()]


@pytest.fixture(scope="module", params=[celery, kubernetes])
def runs(site: Site, postgres_server: LocalPostgres, request: pytest.FixtureRequest) -> Iterator[Runs]:
    name = request.param.__name__
    with ExitStack() as stack:
        executor = stack.enter_context(request.param(site.folder / name))
        with postgres_server.connect() as admin:
            admin.execute(f"CREATE DATABASE {name}")
        local = LocalRegistry(site.folder / f"registry-{name}", ROOT / ".local/bin/registry", free_address())
        where = {"landing": "s3://shop/landing", "lake": f"s3://shop/{name}", "s3_endpoint": site.s3.endpoint}
        settings = site.settings(f"home-{name}", registry=local.start().address, **where)
        stack.callback(local.stop)
        variables = site.variables(name) | executor.variables
        variables["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = database_url(postgres_server, name)
        folder = site.folder / f"hosts-{name}"
        airflow = stack.enter_context(scaled_airflow(folder, settings, variables, executor.prepare, executor.workers))
        airflow.api.call("PATCH", "dags/retrain", {"is_paused": False})
        days = [DAY - timedelta(days=1), DAY]
        run_ids = {day.isoformat(): airflow.api.trigger("retrain", {"date": day.isoformat()}) for day in days}
        killed = lose_worker_and_scheduler(airflow, executor, list(run_ids.values()))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for variable, value in site.s3.environment.items():
            patch.setenv(variable, value)
        yield Runs(airflow, executor, run_ids, settings, f"{name}/", killed)


def lose_worker_and_scheduler(airflow: ScaledAirflow, executor: Executor, run_ids: list[str]) -> str:
    """Kill the worker with the first `featurize`, then a scheduler during a `train`; return the worker's name."""
    worker = str(wait_for(airflow, run_ids, "featurize")["hostname"])
    executor.lose(airflow, worker)
    wait_for(airflow, run_ids, "train")
    airflow.kill("scheduler-1")
    for run_id in run_ids:
        state = airflow.api.wait_for_run("retrain", run_id, 1500)
        states = {name: task["state"] for name, task in airflow.tasks(run_id).items()}
        assert state == "success", (run_id, states)
    return worker


def wait_for(airflow: ScaledAirflow, run_ids: list[str], task: str) -> dict[str, Any]:
    """Return the first task instance of that name that runs."""
    deadline = time.monotonic() + 900
    while time.monotonic() < deadline:
        for run_id in run_ids:
            instance = airflow.tasks(run_id).get(task, {})
            if instance.get("state") == "running" and instance["hostname"]:
                return instance
        time.sleep(1)
    raise TimeoutError(f"no {task} runs: {[airflow.tasks(run_id) for run_id in run_ids]}")


def test_both_runs_complete_although_a_worker_and_a_scheduler_are_lost(runs: Runs) -> None:
    assert {task["state"] for task in runs.tasks()} <= {"success", "skipped"}
    hosts = {task["hostname"] for task in runs.tasks() if task["hostname"]}
    assert hosts <= set(runs.executor.workers) if runs.executor.workers else len(hosts) > len(DRIVERS)
    assert len(hosts) > 1
    repeated = {task["task_id"] for task in runs.tasks() if task["try_number"] > 1}
    assert "featurize" in repeated


def test_drivers_have_pods_of_their_own_kind(runs: Runs) -> None:
    if not runs.executor.pods:
        pytest.skip("only the KubernetesExecutor has pods")
    for pod in runs.executor.pods.pods.values():
        [container] = pod.spec.containers
        memory = container.resources.limits["memory"]
        assert memory == ("6Gi" if pod.metadata.annotations["task_id"] in DRIVERS else "2Gi")
        assert container.security_context.read_only_root_filesystem


def test_pool_limits_the_drivers_of_all_workers(runs: Runs) -> None:
    drivers = sorted((task["start_date"], task["end_date"]) for task in runs.tasks() if task["task_id"] in DRIVERS)
    assert len(drivers) == 2 * len(DRIVERS)
    for earlier, later in pairwise(drivers):
        assert earlier[1] <= later[0]


def test_logs_of_all_workers_are_in_the_bucket_and_shown_by_the_web_ui(site: Site, runs: Runs) -> None:
    stored = {item["Key"] for item in site.s3.client().list_objects_v2(Bucket="logs", Prefix=runs.logs)["Contents"]}
    for run_id in runs.run_ids.values():
        for name, task in runs.airflow.tasks(run_id).items():
            if task["state"] == "success":
                assert any(run_id in key and f"task_id={name}/" in key for key in stored), (run_id, name)
        assert "events from" in runs.airflow.task_log(run_id, "extract", 1)
        assert "champion" in runs.airflow.task_log(run_id, "promote", 1)


@pytest.fixture(scope="module")
def expected(site: Site) -> Night:
    """The later day on one machine."""
    local = LocalRegistry(site.folder / "registry-one", ROOT / ".local/bin/registry", free_address())
    settings = site.settings("one", registry=local.start().address, landing=site.landing)
    try:
        run_steps(settings)
    finally:
        local.stop()
    return Night(settings, lake_of(settings))


def test_results_equal_those_of_one_machine(expected: Night, runs: Runs) -> None:
    night = runs.night(DAY.isoformat())
    for dataset, name in TABLES:
        assert night.table(dataset, name) == expected.table(dataset, name), (dataset, name)
    for digest in ("archive_sha256", "image_digest"):
        assert night.summary("package")[digest] == expected.summary("package")[digest]


def test_champion_is_that_of_the_run_that_moved_it_first_or_was_judged_against_it(runs: Runs) -> None:
    promoted = {
        night.summary("publish")["digest"]
        for night in map(runs.night, runs.run_ids)
        if night.summary("promote")["promoted"]
    }
    assert registry(runs.settings).digest("champion") in promoted
