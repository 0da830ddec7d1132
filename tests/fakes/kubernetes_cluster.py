"""A Kubernetes control plane of real processes on loopback: etcd, API server and controllers.

There are no nodes: instead of a kubelet, a thread reports pods as running and ready, or as unable to pull their image.
For Spark's executors, `pod_processes` runs pods as processes.
"""

import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.ports import free_port

TOKEN: Final = "the-token-of-the-administrator"
CONTROLLERS: Final = (
    "deployment-controller", "replicaset-controller", "garbage-collector-controller", "serviceaccount-controller",
    "disruption-controller", "endpointslice-controller",
)  # fmt: skip


class Cluster:
    """A running control plane.

    Args:
        folder: of its data and logs.
        port: of the API server.

    Attributes:
        broken: ends of images that no node can pull.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.broken: set[str] = set()

    def kubeconfig(self, token: str = TOKEN) -> Path:
        """Write a kubeconfig with a token, and return its path."""
        server = {
            "server": f"https://127.0.0.1:{self.port}",
            "certificate-authority": str(self.folder / "apiserver.crt"),
        }
        content = {
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": server}], "users": [{"name": "u", "user": {"token": token}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        }  # fmt: skip
        descriptor, path = tempfile.mkstemp(prefix="kubeconfig-", dir=self.folder)
        with os.fdopen(descriptor, "w") as file:
            json.dump(content, file)
        return Path(path)

    def client(self) -> Any:
        """Return the administrator's client."""
        from kubernetes import config

        return config.new_client_from_config(str(self.kubeconfig()))

    def service_account_token(self, namespace: str, name: str) -> str:
        """Return a token of a service account."""
        from kubernetes.client import CoreV1Api

        request = {"spec": {"expirationSeconds": 3600}}
        answer = CoreV1Api(self.client()).create_namespaced_service_account_token(name, namespace, request)
        return str(answer.status.token)

    def run_kubelet(self, ended: threading.Event) -> None:
        """Report the state of every pod until the cluster ends."""
        from kubernetes.client import CoreV1Api
        from kubernetes.client.exceptions import ApiException

        api = CoreV1Api(self.client())
        while not ended.wait(0.2):
            for pod in api.list_pod_for_all_namespaces().items:
                with suppress(ApiException):  # the pod has gone, or was changed meanwhile
                    self._report(api, pod)

    def _report(self, api: Any, pod: Any) -> None:
        name, namespace = pod.metadata.name, pod.metadata.namespace
        if pod.metadata.deletion_timestamp:
            api.delete_namespaced_pod(name, namespace, grace_period_seconds=0)
            return
        ready = not any(c.image.endswith(end) for c in pod.spec.containers for end in self.broken)
        state = {"running": {}} if ready else {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off"}}
        statuses = [
            {"name": c.name, "image": c.image, "imageID": c.image, "ready": ready, "restartCount": 0, "state": state}
            for c in pod.spec.containers
        ]
        conditions = [
            {"type": kind, "status": str(ready)} for kind in ("Ready", "ContainersReady")
        ] + [{"type": "PodScheduled", "status": "True"}]  # fmt: skip
        if [status.ready for status in pod.status.container_statuses or []] != [ready] * len(statuses):
            status = {"phase": "Running", "containerStatuses": statuses, "conditions": conditions}
            api.patch_namespaced_pod_status(name, namespace, {"status": status})


@contextmanager
def cluster(
    folder: Path, binaries: Path, kubelet: Callable[[Cluster, threading.Event], None] = Cluster.run_kubelet
) -> Iterator[Cluster]:
    """Run a control plane for the duration of the block.

    Args:
        folder: new folder of its data and logs.
        binaries: has `etcd`, `kube-apiserver` and `kube-controller-manager`.
        kubelet: called in a thread; looks after the pods until the event.
    """
    folder.mkdir()
    etcd, peer, port, managers = (free_port() for _ in range(4))
    running = Cluster(folder, port)
    _write_key(folder / "service-accounts.key")
    (folder / "tokens.csv").write_text(f'{TOKEN},admin,admin,"system:masters"\n')
    urls = f"http://127.0.0.1:{etcd}"
    with ExitStack() as stack:

        def start(name: str, **options: str) -> None:
            log = stack.enter_context((folder / f"{name}.log").open("wb"))
            flags = [f"--{key.replace('_', '-')}={value}" for key, value in options.items()]
            process = subprocess.Popen([str(binaries / name), *flags], stdout=log, stderr=log, cwd=folder)
            stack.callback(_end, process)

        start(
            "etcd", data_dir=str(folder / "etcd"), listen_client_urls=urls, advertise_client_urls=urls,
            listen_peer_urls=f"http://127.0.0.1:{peer}", unsafe_no_fsync="true",
        )  # fmt: skip
        start(
            "kube-apiserver", etcd_servers=urls, secure_port=str(port), bind_address="127.0.0.1",
            advertise_address="127.0.0.1", cert_dir=str(folder), token_auth_file=str(folder / "tokens.csv"),
            service_account_key_file=str(folder / "service-accounts.key"), authorization_mode="RBAC",
            service_account_signing_key_file=str(folder / "service-accounts.key"),
            service_account_issuer="https://kubernetes.default", service_cluster_ip_range="10.0.0.0/24",
        )  # fmt: skip
        _wait_until_ready(running)
        start(
            "kube-controller-manager", kubeconfig=str(running.kubeconfig()), controllers=",".join(CONTROLLERS),
            leader_elect="false", bind_address="127.0.0.1", secure_port=str(managers), cert_dir=str(folder / "manager"),
            service_account_private_key_file=str(folder / "service-accounts.key"),
        )  # fmt: skip
        ended = threading.Event()
        thread = threading.Thread(target=kubelet, args=[running, ended], daemon=True)
        thread.start()
        stack.callback(thread.join, 10)
        stack.callback(ended.set)
        yield running


def _write_key(path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    os.chmod(path, 0o600)  # noqa: PTH101


def _wait_until_ready(running: Cluster) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with suppress(OSError):  # certificate, port and answer come one after the other
            answer = requests.get(
                f"https://127.0.0.1:{running.port}/readyz", headers={"Authorization": f"Bearer {TOKEN}"},
                verify=str(running.folder / "apiserver.crt"), timeout=10,
            )  # fmt: skip
            if answer.ok:
                return
        time.sleep(0.5)
    raise TimeoutError(f"the API server is not ready; see {running.folder}/kube-apiserver.log")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
