"""A Deployment in Kubernetes: its image is patched by digest, the rollout awaited as by `kubectl rollout status`."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Final

from leapline.errors import DeployError, DeployUnusableError, RolloutFailedError
from leapline.rollout.logins import Connection, Logins
from leapline.rollout.platform import Images, Running, Wait, chosen_container
from leapline.rollout.target import Target

_RAW: Final = {"_request_timeout": 30, "_preload_content": False}
"""The client's models reject answers with a field that they do not expect, so answers are read as JSON."""


class KubernetesTarget:
    """A Deployment.

    Args:
        target: its namespace, name and container.
        logins: may have a connection with a kubeconfig; otherwise KUBECONFIG, the pod's service account or
            ~/.kube/config count, in this order.
    """

    def __init__(self, target: Target, logins: Logins) -> None:
        self.target, self._logins = target, logins
        self._namespace, self._name = target.parts["namespace"], target.parts["deployment"]

    def running(self) -> Running:
        """Return the image of the Deployment; if it has no digest, that of a ready pod."""
        deployment = self._read()
        image = self._container(deployment)["image"]
        if "@" not in image:
            image = self._resolved(deployment) or image
        return Running(image, _is_complete(deployment))

    def image(self, images: Images) -> str:
        """Return the image for all architectures; the node chooses its own."""
        return images.index()

    def roll_out(self, image: str, before: Running, wait: Wait) -> None:
        """Patch the image and wait for the rollout; patch it back on failure."""
        deployment = self._read()
        if deployment["spec"].get("paused"):
            raise DeployUnusableError(
                self.target.name, found="a paused Deployment", expected="one that rolls out changes",
                fix=f"Run `kubectl -n {self._namespace} rollout resume deployment/{self._name}`.",
            )  # fmt: skip
        self._patch(deployment, image)
        if wait.until(self._has_ended) and _is_complete(self._read()):
            return
        problems = "; ".join(self._unready_pods(image)) or "no pod reports a reason"
        if before.image == image:  # continued after an interruption; the former image is not known
            raise self._failed(image, problems, "it was left as it is")
        self._patch(deployment, before.image)
        raise self._failed(image, problems, f"it was set back to {before.image}")

    def _failed(self, image: str, problems: str, state: str) -> RolloutFailedError:
        return RolloutFailedError(
            self.target.name, found=f"{image} did not become ready ({problems}); {state}",
            expected="every pod ready", fix=f"See `kubectl -n {self._namespace} describe pods`, then deploy again.",
        )  # fmt: skip

    def _has_ended(self) -> bool:
        deployment = self._read()
        conditions = {c["type"]: c for c in deployment["status"].get("conditions") or []}
        gave_up = conditions.get("Progressing", {}).get("reason") == "ProgressDeadlineExceeded"
        return _is_complete(deployment) or (gave_up and _is_observed(deployment))

    def _container(self, deployment: Mapping[str, Any]) -> dict[str, Any]:
        return chosen_container(self.target, deployment["spec"]["template"]["spec"]["containers"])

    def _resolved(self, deployment: Mapping[str, Any]) -> str:
        """Return the digest that a ready pod runs, because a tag may name another image by now."""
        name = self._container(deployment)["name"]
        for pod in self._pods(deployment):
            for status in pod["status"].get("containerStatuses") or []:
                if status["name"] == name and status["ready"] and "@sha256:" in status["imageID"]:
                    return str(status["imageID"]).rpartition("//")[2]
        return ""

    def _unready_pods(self, image: str) -> list[str]:
        deployment = self._read()
        name = self._container(deployment)["name"]
        pods = [
            pod for pod in self._pods(deployment)
            if any(c["name"] == name and c["image"] == image for c in pod["spec"]["containers"])
        ]  # fmt: skip
        return [f"pod {pod['metadata']['name']}: {reason}" for pod in pods if (reason := _reason(pod, name))][:3]

    def _pods(self, deployment: Mapping[str, Any]) -> list[dict[str, Any]]:
        labels = deployment["spec"]["selector"].get("matchLabels") or {}
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        with self._named_errors("list", "pods"):
            answer = self._core.list_namespaced_pod(self._namespace, label_selector=selector, limit=500, **_RAW)
            return list(json.loads(answer.data)["items"])

    def _read(self) -> dict[str, Any]:
        with self._named_errors("get", "deployments"):
            answer = self._apps.read_namespaced_deployment(self._name, self._namespace, **_RAW)
            return {"status": {}} | dict(json.loads(answer.data))

    def _patch(self, deployment: Mapping[str, Any], image: str) -> None:
        container = {"name": self._container(deployment)["name"], "image": image}
        cause = {"kubernetes.io/change-cause": f"Leapline deploys {image}"}
        body = {"metadata": {"annotations": cause}, "spec": {"template": {"spec": {"containers": [container]}}}}
        with self._named_errors("patch", "deployments"):
            self._apps.patch_namespaced_deployment(self._name, self._namespace, body, **_RAW).read()

    @property
    def _apps(self) -> Any:
        from kubernetes.client import AppsV1Api

        return AppsV1Api(self._client)

    @property
    def _core(self) -> Any:
        from kubernetes.client import CoreV1Api

        return CoreV1Api(self._client)

    @cached_property
    def _client(self) -> Any:
        from kubernetes import client, config

        configuration = client.Configuration()
        configuration.retries = 2
        connection, context = self._logins.connection(self.target), self.target.options.get("context")
        try:
            _load(config, configuration, connection, context)
        except (config.ConfigException, OSError, ValueError) as exc:
            raise DeployUnusableError(
                f"{self.target.name}, login to Kubernetes", found=str(exc)[:300],
                expected="a kubeconfig, or a pod with a service account",
                fix="Set KUBECONFIG, correct `context`, or name an Airflow connection with a kubeconfig.",
            ) from exc  # fmt: skip
        return client.ApiClient(configuration)

    @contextmanager
    def _named_errors(self, verb: str, resource: str) -> Iterator[None]:
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        thing = self.target.name
        try:
            yield
        except ApiException as exc:
            problem = f"HTTP {exc.status}: {_message(exc.body)}"
            if exc.status in (401, 403):
                fix = f"Give its service account a Role that may {verb} {resource} (docs/deployment.md)."
                raise DeployUnusableError(
                    thing, found=problem, expected=f"a login that may {verb} {resource}", fix=fix
                ) from None
            if exc.status in (400, 404, 422):
                fix = "Create the Deployment (deploy/helm/leapline-scorer), or correct LEAPLINE_DEPLOY."
                raise DeployUnusableError(thing, found=problem, expected="this Deployment", fix=fix) from None
            raise DeployError(thing, found=problem, expected="an answer", fix="Run it again later.") from None
        except (HTTPError, OSError) as exc:
            fix = "Check the address of the API server and its certificate, then run it again."
            raise DeployError(thing, found=str(exc)[:300], expected="an answer of Kubernetes", fix=fix) from exc


def _load(config: Any, configuration: Any, connection: Connection | None, context: str | None) -> None:
    """Fill the client's configuration from the first login that there is."""
    extra = connection.extra if connection else {}
    inside = "KUBERNETES_SERVICE_HOST" in os.environ and "KUBECONFIG" not in os.environ
    if content := extra.get("kube_config"):
        content = json.loads(content) if isinstance(content, str) else content
        config.load_kube_config_from_dict(content, context=context, client_configuration=configuration)
    elif extra.get("in_cluster") or (connection is None and inside):
        config.load_incluster_config(client_configuration=configuration)
    else:
        context = context or extra.get("cluster_context")
        path = extra.get("kube_config_path") or os.environ.get("KUBECONFIG")  # which the client reads at import only
        config.load_kube_config(config_file=path, context=context, client_configuration=configuration)


def _is_observed(deployment: Mapping[str, Any]) -> bool:
    return int(deployment["status"].get("observedGeneration") or 0) >= int(
        deployment["metadata"].get("generation") or 0
    )


def _is_complete(deployment: Mapping[str, Any]) -> bool:
    """Whether every replica is of the newest template and available."""
    desired, status = deployment["spec"].get("replicas", 1), deployment["status"]
    counts = [status.get(key) or 0 for key in ("updatedReplicas", "replicas", "availableReplicas")]
    return _is_observed(deployment) and counts == [desired] * 3


def _reason(pod: Mapping[str, Any], container: str) -> str:
    """Return why a pod is not ready; empty if it is."""
    for status in pod["status"].get("containerStatuses") or []:
        if status["name"] != container or status["ready"]:
            continue
        state = status.get("state") or {}
        waiting, terminated = state.get("waiting"), state.get("terminated")
        if waiting or terminated:
            detail = waiting or terminated or {}
            text = f"{detail.get('reason', 'unknown')}: {detail.get('message', '')}".strip(": ")
            return f"{text} ({status.get('restartCount', 0)} restarts)"
        return "running, but its readiness probe fails"
    for condition in pod["status"].get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"{condition.get('reason', 'not scheduled')}: {condition.get('message', '')}"
    return ""


def _message(body: Any) -> str:
    try:
        return str(json.loads(body)["message"])[:300]
    except (TypeError, ValueError, KeyError):
        return str(body or "no message")[:200]
