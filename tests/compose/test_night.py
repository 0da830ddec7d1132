"""The compose file with a real engine: healthy services, a night on the cluster, a champion that answers; then a night
with lake and landed events in the S3 server of the file, while every service is restarted."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from leapline.errors import LocalServiceError
from leapline.runtime.spark_cds import FEW_EVENTS
from leapline.serving.client import ScorerClient
from leapline.synthetic import GeneratorSpec, generate
from tests.compose.stack import (
    Stack,
    copy_checkout,
    fill_in_env,
    missing_engine,
    wait_for,
    write_docker_config,
)

pytestmark = [pytest.mark.compose, pytest.mark.e2e, pytest.mark.timeout(3600)]

DAY = date(2026, 3, 4)
NEXT_DAY = DAY + timedelta(days=1)
SMALL = {
    "LEAPLINE_TRAINING_DAYS": 1, "LEAPLINE_FOREST_TREES": 12, "LEAPLINE_FOREST_DEPTH": 6,
    "LEAPLINE_ROC_AUC_THRESHOLD": 0.6, "LEAPLINE_MIN_SLICE_ROC_AUC": 0, "LEAPLINE_MAX_CALIBRATION_ERROR": 0.2,
    "LEAPLINE_CHAMPION_MARGIN": 0.5, "LEAPLINE_BEST_CHAMPION_MARGIN": 0.5, "LEAPLINE_MIN_BASELINE_GAIN": -1,
    "LEAPLINE_BOOTSTRAP_RESAMPLES": 200, "LEAPLINE_MAX_CALIBRATION_RATIO": 2, "LEAPLINE_MAX_PROGRESS_LOSS": 1,
    "LEAPLINE_CHAMPION_PRECISION_MARGIN": 1, "LEAPLINE_PROBE_ROWS": 1000, "LEAPLINE_MAX_LATENCY_MS": 1000,
    "LEAPLINE_SPARK_SHUFFLE_PARTITIONS": 2, "LEAPLINE_SPARK_DRIVER_OPTIONS": FEW_EVENTS,
}  # fmt: skip
"""Settings for small days and busy machines."""
MEMORY = {"SPARK_WORKER_MEMORY": "1g", "SPARK_EXECUTOR_MEMORY": "1g", "SPARK_DRIVER_MEMORY": "1g"}
SPARK_STEPS = ("extract", "featurize", "train", "evaluate")
RESTARTS = {
    "extract": ["spark-worker"],
    "check_events": ["dag-processor", "triggerer"],
    "featurize": ["spark-master"],
    "train": ["postgres"],
    "evaluate": ["api-server", "s3"],
    "publish": ["registry"],
}
"""The services that are restarted while a task runs."""
IN_BUCKETS = {
    "LEAPLINE_LANDING": "s3://landing/enriched", "LEAPLINE_LAKE": "s3://lake/shop",
    "LEAPLINE_S3_ENDPOINT": "http://s3:9000", "AWS_ACCESS_KEY_ID": "leapline", "AWS_REGION": "us-east-1",
}  # fmt: skip
"""Settings for events and lake in the S3 server, as in docs/compose.md."""
SESSION = {"session": "any", "events": [{"ts": "2026-03-14T09:26:53Z", "kind": "item_view", "page": "item"}]}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The built images, and the events of three days; removed afterwards with all volumes."""
    if reason := missing_engine():
        pytest.skip(f"NO CONTAINER ENGINE, so these tests did not run: {reason}")
    folder, events = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("events")
    copy_checkout(folder)
    generate(events, GeneratorSpec(start=DAY - timedelta(days=1), days=3, sessions_per_day=1000))
    events.chmod(0o755)
    variables = fill_in_env(folder, {"EVENTS_FOLDER": str(events), **MEMORY})
    running = Stack(folder, variables, write_docker_config(folder / "docker", variables))
    running.configure(SMALL)
    running.compose("build", timeout=1800)
    try:
        yield running
    finally:
        running.compose("--profile", "*", "down", "--volumes", "--timeout", "10")


@pytest.fixture(scope="module")
def healthy_after(stack: Stack) -> float:
    """The seconds after which every service was healthy."""
    started = time.monotonic()
    stack.compose("up", "--build", "--detach", "--wait", timeout=600)
    return time.monotonic() - started


@pytest.fixture(scope="module")
def night(stack: Stack, healthy_after: float) -> dict[str, Any]:
    """The summary of `promote` after a night."""
    return run_night(stack, DAY)


@pytest.fixture(scope="module")
def in_buckets(stack: Stack, night: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A client of the S3 server; the server has events and lake, and the services use them there."""
    import boto3

    stack.compose("--profile", "s3", "up", "--build", "--detach", "--wait", "s3", timeout=1800)
    client = boto3.client(
        "s3", endpoint_url=stack.url("S3_PORT"), region_name="us-east-1",
        aws_access_key_id="leapline", aws_secret_access_key=stack.variables["S3_SECRET_KEY"],
    )  # fmt: skip
    # With the lake, because a ledger without the champion's entry contradicts the registry, and the gate refuses then.
    lake = tmp_path_factory.mktemp("lake")
    stack.compose("cp", "api-server:/lake/.", str(lake))
    for folder, bucket, prefix in (
        (Path(stack.variables["EVENTS_FOLDER"]), "landing", "enriched"),
        (lake, "lake", "shop"),
    ):
        for file in (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(".lock")):
            client.upload_file(str(file), bucket, f"{prefix}/{file.relative_to(folder).as_posix()}")
    stack.configure(SMALL | IN_BUCKETS | {"AWS_SECRET_ACCESS_KEY": stack.variables["S3_SECRET_KEY"]})
    stack.compose("up", "--detach", "--wait", timeout=600)
    return client


def run_night(stack: Stack, day: date, disturb: Callable[[str], None] = lambda task: None) -> dict[str, Any]:
    """Trigger `retrain` for a day and return the summary of `promote`.

    Args:
        stack: the running services.
        day: the data day.
        disturb: called once for each task while it runs.
    """
    api, seen = stack.airflow(), set[str]()
    run_id = api.trigger("retrain", {"date": day.isoformat()})
    path = f"dags/retrain/dagRuns/{run_id}"

    def ended() -> bool:
        tasks = api.get(f"{path}/taskInstances")["task_instances"]
        for task in [t["task_id"] for t in tasks if t["state"] == "running" and t["task_id"] not in seen]:
            seen.add(task)
            disturb(task)
        return api.get(path)["state"] in {"success", "failed"}

    wait_for(ended, 1500, f"the night of {day} ends", retry=[LocalServiceError])
    states = {t["task_id"]: t["state"] for t in api.get(f"{path}/taskInstances")["task_instances"]}
    assert states.pop("deploy") == "skipped", states
    assert set(states.values()) == {"success"}, states
    value = api.get(f"{path}/taskInstances/promote/xcomEntries/return_value")["value"]
    return dict(value if isinstance(value, dict) else json.loads(value))


def test_every_service_is_healthy_within_two_minutes(stack: Stack, healthy_after: float) -> None:
    services = stack.services()
    once = {name for name, service in services.items() if service["State"] == "exited"}
    assert once == {"init", "registry-password"}
    assert {service["ExitCode"] for service in services.values()} == {0}
    assert {service["Health"] for name, service in services.items() if name not in once} == {"healthy"}
    assert healthy_after < 120


def test_no_service_has_root_or_a_writable_root_file_system(stack: Stack, healthy_after: float) -> None:
    for service in stack.services():
        state = stack.inspect(service)
        assert state["HostConfig"]["ReadonlyRootfs"], service
        assert state["HostConfig"]["CapDrop"] == ["ALL"], service
        assert service == "registry" or state["Config"]["User"] not in {"", "root", "0"}, service


def test_image_has_every_program_of_its_version(stack: Stack, healthy_after: float) -> None:
    doctor = stack.docker("compose", "exec", "-T", "scheduler", "leapline", "doctor", "--json", check=False)
    software = {row["check"]: row for row in json.loads(doctor.stdout) if row["group"] == "Software"}
    assert {"scorer", "scorer for images", "cleaner", "crane", "registry"} <= set(software)
    assert [row for row in software.values() if row["status"] == "problem"] == []


def test_night_runs_on_the_cluster_and_ends_in_a_champion(stack: Stack, night: dict[str, Any]) -> None:
    assert night["promoted"], night
    assert {f"leapline-{step}" for step in SPARK_STEPS} <= set(stack.applications())
    assert stack.champion_digest() == night["champion"]


def test_champion_answers(stack: Stack, night: dict[str, Any]) -> None:
    require_champion(stack, night)


def test_registry_refuses_requests_without_password(stack: Stack, healthy_after: float) -> None:
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(stack.url("REGISTRY_PORT", "/v2/leapline/scorer/tags/list"), timeout=10)  # noqa: S310


def test_spark_refuses_drivers_without_the_secret(stack: Stack, healthy_after: float) -> None:
    program = (
        "from pyspark.sql import SparkSession as S; "
        "S.builder.master('spark://spark-master:7077').appName('intruder').getOrCreate().range(1).count()"
    )
    command = ["timeout", "150", "python", "-c", program]
    exec_ = ["compose", "exec", "-T", "--env", "SPARK_CONF_DIR=/nowhere", "spark-worker", *command]
    assert stack.docker(*exec_, check=False).returncode != 0
    assert "intruder" not in stack.applications()


@pytest.mark.parametrize(
    ("service", "host", "port", "reachable"),
    [
        ("spark-worker", "spark-master", 7077, True),
        ("scheduler", "registry", 5000, True),
        ("spark-worker", "postgres", 5432, False),
        ("spark-worker", "registry", 5000, False),
        ("spark-worker", "api-server", 8080, False),
        ("triggerer", "spark-master", 7077, False),
        ("triggerer", "registry", 5000, False),
    ],
)
def test_services_reach_only_their_own_zones(
    stack: Stack, healthy_after: float, service: str, host: str, port: int, reachable: bool
) -> None:
    assert stack.connects(service, host, port) is reachable


def test_s3_server_has_two_buckets_with_conditional_writes(stack: Stack, in_buckets: Any) -> None:
    from botocore.exceptions import ClientError

    assert [bucket["Name"] for bucket in in_buckets.list_buckets()["Buckets"]] == ["lake", "landing"]
    in_buckets.put_object(Bucket="lake", Key="pointer", Body=b"1", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        in_buckets.put_object(Bucket="lake", Key="pointer", Body=b"2", IfNoneMatch="*")
    for service in ("scheduler", "spark-worker"):
        assert stack.connects(service, "s3", 9000), service


@pytest.fixture(scope="module")
def disturbed_night(stack: Stack, in_buckets: Any) -> dict[str, Any]:
    """The summary of `promote` after a night in buckets during which every service was restarted."""
    return run_night(stack, NEXT_DAY, partial(restart_services, stack))


def test_night_in_buckets_survives_restarts_of_every_service(
    stack: Stack, night: dict[str, Any], in_buckets: Any, disturbed_night: dict[str, Any]
) -> None:
    assert disturbed_night["promoted"], disturbed_night
    assert stack.champion_digest() == disturbed_night["champion"] != night["champion"]
    for service in {*chain.from_iterable(RESTARTS.values()), "scheduler"}:
        stack.wait_until_healthy(service)
    prefix = f"shop/events/date={NEXT_DAY}/"
    assert in_buckets.list_objects_v2(Bucket="lake", Prefix=prefix)["KeyCount"] > 0


def test_new_champion_answers(stack: Stack, disturbed_night: dict[str, Any]) -> None:
    require_champion(stack, disturbed_night)


def require_champion(stack: Stack, summary: dict[str, Any]) -> None:
    """Start the promoted image, or replace the one before, and let it score a session."""
    stack.compose("--profile", "champion", "up", "--detach", "--wait", "scorer")
    with ScorerClient(stack.url("SCORER_PORT")) as client:
        assert client.ready()["model"] == summary["model_id"]
        assert 0 <= client.score([SESSION])[0]["buy"] <= 1


def restart_services(stack: Stack, task: str) -> None:
    """Restart the services that belong to a running task; the scheduler, which runs the tasks, is killed instead."""
    for service in RESTARTS.get(task, ()):
        stack.compose("restart", "--timeout", "5", service)
    if task == "train":
        kill(stack, "scheduler", "airflow scheduler")


def kill(stack: Stack, service: str, process: str) -> None:
    """Kill a service's process; the engine restarts the container."""
    before = stack.inspect(service)["RestartCount"]
    stack.docker("compose", "exec", "-T", service, "pkill", "-KILL", "-f", process, check=False)
    wait_for(lambda: stack.inspect(service)["RestartCount"] > before, 60, f"{service} is restarted")
