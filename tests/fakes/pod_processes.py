"""Pods as processes of this machine: what a node does with them, without containers."""

import os
import shutil
import subprocess
import threading
from base64 import b64decode
from collections.abc import Callable
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from tests.fakes.kubernetes_cluster import Cluster
from tests.fakes.process_trees import kill_tree

_SPARK: Final = Path(str(files("pyspark")))
_ADDRESS: Final = "127.0.0.1"


Environment = dict[str, str]
Command = Callable[[Any, Environment, Path], tuple[list[str], Environment]]
"""Returns the command and the environment of a process, from its pod, the pod's environment and a folder of its own."""


def spark_executor(_: Any, environment: Environment, home: Path) -> tuple[list[str], Environment]:
    """Return the process of an executor, as the script `entrypoint.sh` in Spark's own images starts it."""
    folders = {"SPARK_CONF_DIR": str(home), "SPARK_LOCAL_DIRS": str(home), "PATH": os.environ["PATH"]}
    return _executor(environment), environment | folders


class PodProcesses:
    """Runs each new pod as a process, reports its state, and ends it when the pod is deleted.

    Args:
        folder: for the configuration and the logs of the pods.
        command: what runs in place of the container.

    Attributes:
        processes: by the pod's name; also of pods that have gone.
        pods: what the API server had, by name.
    """

    def __init__(self, folder: Path, command: Command = spark_executor) -> None:
        self._folder, self._command = folder, command
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.pods: dict[str, Any] = {}

    def run(self, cluster: Cluster, ended: threading.Event) -> None:
        """Look after the pods until the event."""
        from kubernetes.client import CoreV1Api
        from kubernetes.client.exceptions import ApiException

        api = CoreV1Api(cluster.client())
        while not ended.wait(0.2):
            for pod in api.list_pod_for_all_namespaces().items:
                with suppress(ApiException):  # the pod has gone, or was changed meanwhile
                    self._look_after(api, pod)
        for name in self.processes:
            self.kill(name)

    def kill(self, name: str) -> None:
        """End the processes of a pod at once."""
        if self.processes[name].poll() is None:
            kill_tree(self.processes[name].pid)

    def _look_after(self, api: Any, pod: Any) -> None:
        name, namespace = pod.metadata.name, pod.metadata.namespace
        if pod.metadata.deletion_timestamp:
            if name in self.processes:
                self.kill(name)
            api.delete_namespaced_pod(name, namespace, grace_period_seconds=0)
        elif name not in self.processes:
            self.processes[name] = self._start(api, pod)
            self._report(api, pod, "Running", {"running": {}})
        elif (status := self.processes[name].poll()) is not None and pod.status.phase == "Running":
            phase = "Failed" if status else "Succeeded"
            self._report(api, pod, phase, {"terminated": {"exitCode": status % 256, "reason": "Error"}})

    def _start(self, api: Any, pod: Any) -> "subprocess.Popen[bytes]":
        [container] = pod.spec.containers
        environment = _values(api, pod, container) | {
            variable.name: _field(pod, variable) if variable.value_from else variable.value or ""
            for variable in container.env or []
        }
        home = self._folder / pod.metadata.name
        self._write_configuration(api, pod, home)
        self.pods[pod.metadata.name] = pod
        command, environment = self._command(pod, environment, home)
        with (home / "log").open("wb") as log:
            return subprocess.Popen(command, env=environment, cwd=home, stdout=log, stderr=log)

    @staticmethod
    def _write_configuration(api: Any, pod: Any, home: Path) -> None:
        # Again, if the pod was there before its configuration.
        home.mkdir(parents=True, exist_ok=True)
        for volume in pod.spec.volumes or []:
            if volume.config_map:
                content = api.read_namespaced_config_map(volume.config_map.name, pod.metadata.namespace).data or {}
                for name, text in content.items():
                    (home / name).write_text(text)

    @staticmethod
    def _report(api: Any, pod: Any, phase: str, state: dict[str, Any]) -> None:
        [container] = pod.spec.containers
        running = phase == "Running"
        status = {
            "name": container.name, "image": container.image, "imageID": "", "ready": running, "restartCount": 0,
            "state": state,
        }  # fmt: skip
        content = {"phase": phase, "podIP": _ADDRESS, "podIPs": [{"ip": _ADDRESS}], "containerStatuses": [status]}
        api.patch_namespaced_pod_status(pod.metadata.name, pod.metadata.namespace, {"status": content})


def _values(api: Any, pod: Any, container: Any) -> Environment:
    """Return the variables from the config maps and secrets that a container names."""
    values: Environment = {}
    for source in container.env_from or []:
        if source.config_map_ref:
            values |= api.read_namespaced_config_map(source.config_map_ref.name, pod.metadata.namespace).data
        if source.secret_ref:
            secret = api.read_namespaced_secret(source.secret_ref.name, pod.metadata.namespace).data
            values |= {name: b64decode(value).decode() for name, value in secret.items()}
    return values


def _field(pod: Any, variable: Any) -> str:
    path = variable.value_from.field_ref.field_path
    return {"status.podIP": _ADDRESS, "metadata.name": pod.metadata.name}[path]


def _executor(environment: dict[str, str]) -> list[str]:
    options = [environment[key] for key in sorted(environment) if key.startswith("SPARK_JAVA_OPT_")]
    memory = environment["SPARK_EXECUTOR_MEMORY"]
    names = {
        "--driver-url": "SPARK_DRIVER_URL", "--executor-id": "SPARK_EXECUTOR_ID", "--cores": "SPARK_EXECUTOR_CORES",
        "--app-id": "SPARK_APPLICATION_ID", "--hostname": "SPARK_EXECUTOR_POD_IP",
        "--resourceProfileId": "SPARK_RESOURCE_PROFILE_ID", "--podName": "SPARK_EXECUTOR_POD_NAME",
    }  # fmt: skip
    arguments = [part for flag, name in names.items() for part in (flag, environment[name])]
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin/java") if home else shutil.which("java") or "java"
    backend = "org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend"
    return [java, *options, f"-Xms{memory}", f"-Xmx{memory}", "-cp", f"{_SPARK}/jars/*", backend, *arguments]
