"""Executors of Airflow for the tests of several hosts: Celery with Redis, and Kubernetes with pods as processes."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import pytest

from tests.conftest import ROOT
from tests.fakes.kubernetes_cluster import cluster
from tests.fakes.pod_processes import Environment, PodProcesses
from tests.fakes.scaled_airflow import SECRETS, ScaledAirflow, homes, on_host
from tests.ports import free_port

BIN: Final = ROOT / ".local" / "bin"
PROVIDER: Final = ROOT / ".local" / "airflow-kubernetes"
WORKERS: Final = {name: ("celery", "worker", "--skip-serve-logs", "--without-gossip", "--celery-hostname", name)
                  for name in ("worker-1", "worker-2")}  # fmt: skip


@dataclass(frozen=True)
class Executor:
    """How tasks get to workers.

    Args:
        variables: environment of all hosts.
        lose: ends the worker of a task at once, given its host.
        prepare: called with the environment of all hosts before they start.
        workers: host -> arguments of `airflow`, of workers that run all the time.
        pods: of the workers, if each task has one.
    """

    variables: Mapping[str, str]
    lose: Callable[[ScaledAirflow, str], None]
    prepare: Callable[[Mapping[str, str]], None] = lambda common: None
    workers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    pods: PodProcesses | None = None


@contextmanager
def celery(folder: Path) -> Iterator[Executor]:
    """Provide two workers that share a Redis server on loopback, with a password."""
    binary, port = shutil.which("redis-server"), free_port()
    if not find_spec("celery") or not binary:
        pytest.skip(
            "CELERY OR REDIS MISSING: run `make test-airflow-scale`, which installs them; nothing ran on Celery"
        )
    folder.mkdir()
    (folder / "redis.conf").write_text(f'bind 127.0.0.1\nport {port}\nsave ""\nrequirepass the-tests-own\n')
    redis = f"redis://:the-tests-own@127.0.0.1:{port}/0"
    variables = {
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CELERY__BROKER_URL": redis,
        "AIRFLOW__CELERY__RESULT_BACKEND": redis,
        "AIRFLOW__CELERY__WORKER_CONCURRENCY": "2",
        "AIRFLOW__CELERY__WORKER_PREFETCH_MULTIPLIER": "1",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([binary, str(folder / "redis.conf")], stdout=log, stderr=log, cwd=folder)
    try:
        yield Executor(variables, lose=ScaledAirflow.kill, workers=WORKERS)
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def kubernetes(folder: Path) -> Iterator[Executor]:
    """Provide Kubernetes' own API server, in which every task gets the pod of `deploy/airflow`."""
    if not PROVIDER.exists() or not (BIN / "kube-apiserver").exists():
        pytest.skip("KUBERNETES MISSING: run `make test-airflow-scale`, which installs it; no task ran in a pod")
    folder.mkdir()
    pods = PodProcesses(folder / "pods", airflow_task)
    with cluster(folder / "cluster", BIN, pods.run) as running:
        variables = {
            "AIRFLOW__CORE__EXECUTOR": "KubernetesExecutor",
            "AIRFLOW__KUBERNETES_EXECUTOR__IN_CLUSTER": "False",
            "AIRFLOW__KUBERNETES_EXECUTOR__CONFIG_FILE": str(running.kubeconfig()),
            "AIRFLOW__KUBERNETES_EXECUTOR__NAMESPACE": "default",
            "AIRFLOW__KUBERNETES_EXECUTOR__POD_TEMPLATE_FILE": str(ROOT / "deploy/airflow/task-pod.yaml"),
            "AIRFLOW__LEAPLINE__SPARK_POD_TEMPLATE": str(ROOT / "deploy/airflow/spark-pod.yaml"),
            "PYTHONPATH": str(PROVIDER),
        }

        def prepare(common: Mapping[str, str]) -> None:
            create_objects(running.client(), common)

        yield Executor(variables, lambda _, host: pods.kill(host), prepare, pods=pods)


def create_objects(client: Any, common: Mapping[str, str]) -> None:
    """Create what the pods name: service account, config map and secret, as docs/airflow-at-scale.md describes them."""
    from kubernetes.client import CoreV1Api

    variables = {
        name: value
        for name, value in common.items()
        if name.startswith(("AIRFLOW_", "LEAPLINE_", "AWS_")) and not name.endswith(SECRETS)
    }
    secret = {name: value for name, value in variables.items() if name.endswith("_KEY") or "_CONN_" in name}
    api, meta = CoreV1Api(client), {"name": "leapline-airflow"}
    api.create_namespaced_service_account("default", {"metadata": {"name": "leapline-task"}})
    api.create_namespaced_secret("default", {"metadata": meta, "stringData": secret})
    rest = {name: value for name, value in variables.items() if name not in secret}
    api.create_namespaced_config_map("default", {"metadata": meta, "data": rest})


def airflow_task(pod: Any, environment: Environment, home: Path) -> tuple[list[str], Environment]:
    """Return the process of a task; what it needs in addition to the pod's variables is part of the image."""
    [container] = pod.spec.containers
    program, *arguments = container.args
    assert program == "python"
    image = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_HOME": str(files("pyspark")),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "HOME": str(home),
    }
    return on_host(pod.metadata.name, home, [sys.executable, *arguments]), image | environment | homes(home)
