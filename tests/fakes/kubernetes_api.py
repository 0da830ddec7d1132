"""The part of the Kubernetes API that a rollout needs: one Deployment and its pods, on a loopback port.

A patched Deployment rolls out at the next look at it, unless its image is in `broken`.
"""

import json
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes.servers import up

DEPLOYMENT = "/apis/apps/v1/namespaces/shop/deployments/scorer"
PODS = "/api/v1/namespaces/shop/pods"
TOKEN = "a-token-of-a-service-account"
RESOURCES = {
    "kind": "APIResourceList", "groupVersion": "apps/v1",
    "resources": [{"name": "deployments", "singularName": "deployment", "namespaced": True, "kind": "Deployment",
                   "verbs": ["get", "patch"]}],
}  # fmt: skip


class _Handler(BaseHTTPRequestHandler):
    server: "KubernetesApi"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == PODS and parse_qs(url.query)["labelSelector"] == ["app=scorer"]:
            return self._answer(200, {"kind": "PodList", "apiVersion": "v1", "items": self.server.pods()})
        if url.path == "/apis/apps/v1":
            return self._answer(200, RESOURCES)
        if url.path == DEPLOYMENT:
            return self._answer(200, self.server.progressed())
        return self._answer(404, {"kind": "Status", "message": f'deployments.apps "{url.path}" not found'})

    def do_PATCH(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["Content-Type"] != "application/strategic-merge-patch+json":
            return self._answer(415, {"message": "expected a strategic merge patch"})
        self.server.patches.append(body)
        [container] = body["spec"]["template"]["spec"]["containers"]
        self.server.set_image(container["name"], container["image"])
        return self._answer(200, self.server.deployment)

    def _answer(self, status: int, content: Any) -> None:
        if self.server.requires_token and self.headers["Authorization"] != f"Bearer {TOKEN}":
            status, content = 401, {"message": "Unauthorized"}
        elif self.server.status:
            status, content = self.server.status, {"message": f"the server answers {self.server.status}"}
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Discard log messages."""


class KubernetesApi(ThreadingHTTPServer):
    """The server.

    Attributes:
        patches: bodies of the received patches.
        broken: images whose pods do not become ready.
        status: of every answer, if it is not 0.
        requires_token: whether requests need the token; Go's client sends none without TLS.
        deployment: the Deployment.
    """

    def __init__(self, image: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.patches: list[Any] = []
        self.broken: set[str] = set()
        self.status, self.requires_token = 0, True
        containers = [{"name": "scorer", "image": image}, {"name": "proxy", "image": "proxy:1"}]
        self.deployment: dict[str, Any] = {
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "scorer", "namespace": "shop", "generation": 1},
            "spec": {
                "replicas": 2, "selector": {"matchLabels": {"app": "scorer"}},
                "template": {"metadata": {"labels": {"app": "scorer"}}, "spec": {"containers": containers}},
            },
            "status": {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2},
        }  # fmt: skip
        self.resolved = "docker-pullable://registry.shop.example/scorer@sha256:" + "0" * 64

    @property
    def image(self) -> str:
        """The image of the template."""
        return str(self.deployment["spec"]["template"]["spec"]["containers"][0]["image"])

    def set_image(self, name: str, image: str) -> None:
        """Change the template as a patch does."""
        for container in self.deployment["spec"]["template"]["spec"]["containers"]:
            if container["name"] == name:
                container["image"] = image
        self.deployment["metadata"]["generation"] += 1

    def progressed(self) -> dict[str, Any]:
        """Return the Deployment after the controller's next turn."""
        status, generation = self.deployment["status"], self.deployment["metadata"]["generation"]
        before = json.loads(json.dumps(self.deployment))
        if status["observedGeneration"] < generation:
            status |= {"observedGeneration": generation, "updatedReplicas": 1, "replicas": 3}
        elif self.image in self.broken:
            condition = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
            status["conditions"] = [condition]
        else:
            status |= {"updatedReplicas": 2, "replicas": 2, "availableReplicas": 2, "conditions": []}
        return dict(before)

    def pods(self) -> list[dict[str, Any]]:
        """Return the pods: a ready one, and for a broken image one that cannot pull it and a former one that ends."""
        ready = {"name": "scorer", "ready": True, "imageID": self.resolved, "restartCount": 0, "image": "x"}
        pods = [_pod("scorer-old", "scorer:old", ready)]
        if self.image in self.broken:
            waiting = {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}
            broken = {"name": "scorer", "ready": False, "imageID": "", "restartCount": 0, "image": "x"}
            ended = {"terminated": {"reason": "Completed"}}
            pods.append(_pod("scorer-old-2", "scorer:old", ready | {"ready": False, "state": ended}))
            pods.append(_pod("scorer-new", self.image, broken | {"state": {"waiting": waiting}}))
        return pods

    def kubeconfig(self) -> dict[str, Any]:
        """Return a kubeconfig with the address and a token."""
        return {
            "apiVersion": "v1", "kind": "Config", "current-context": "shop",
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.server_address[1]}"}}],
            "users": [{"name": "u", "user": {"token": TOKEN}}],
            "contexts": [{"name": "shop", "context": {"cluster": "c", "user": "u"}}],
        }  # fmt: skip


def _pod(name: str, image: str, status: dict[str, Any]) -> dict[str, Any]:
    return {
        "metadata": {"name": name}, "spec": {"containers": [{"name": "scorer", "image": image}]},
        "status": {"containerStatuses": [status]},
    }  # fmt: skip


def kubernetes_api(image: str) -> AbstractContextManager[KubernetesApi]:
    """Provide the API for the duration of the block."""
    return up(KubernetesApi(image))
