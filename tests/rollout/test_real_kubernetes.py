"""Kubernetes' own API server and controllers: the chart is installed, and the hook deploys with the chart's role."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client import AppsV1Api, CoreV1Api

from leapline.errors import DeployUnusableError, RolloutFailedError
from leapline.rollout.kubernetes import KubernetesTarget
from leapline.rollout.logins import Logins
from leapline.rollout.platform import Running, SupersededError, Wait
from leapline.rollout.target import parse_targets
from tests.conftest import ROOT
from tests.fakes.kubernetes_cluster import Cluster, cluster

pytestmark = pytest.mark.kubernetes
BIN = ROOT / ".local" / "bin"
REPOSITORY = "registry.shop.example/leapline/scorer"
WAIT = Wait(60, poll_s=0.2)
FIRST, SECOND, THIRD, BROKEN = (f"{REPOSITORY}@sha256:{digit * 64}" for digit in "123b")


@pytest.fixture(scope="module")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if not all((BIN / name).exists() for name in ("etcd", "kube-apiserver", "kube-controller-manager", "helm")):
        pytest.skip("KUBERNETES ABSENT: run `make test-kubernetes`, which compiles it; no real cluster was tested")
    with cluster(tmp_path_factory.mktemp("kubernetes") / "cluster", BIN) as running:
        running.broken = {"b" * 64}
        CoreV1Api(running.client()).create_namespace({"metadata": {"name": "shop"}})
        helm(running, "install", FIRST)
        yield running


def helm(running: Cluster, action: str, image: str) -> None:
    repository, _, digest = image.partition("@")
    values = {"image": {"repository": repository, "digest": digest}, "deployer": {"create": True},
              "autoscaling": {"enabled": False}}  # fmt: skip
    command = [str(BIN / "helm"), action, "scorer", str(ROOT / "deploy/helm/leapline-scorer"), "--namespace", "shop"]
    options = ["--kubeconfig", str(running.kubeconfig()), "--values", "-", "--wait", "--timeout", "60s"]
    environment = {"HOME": str(running.folder)}
    done = subprocess.run(
        command + options, input=json.dumps(values), capture_output=True, text=True, env=environment, timeout=120
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def target(control_plane: Cluster, monkeypatch: pytest.MonkeyPatch) -> KubernetesTarget:
    """The Deployment, with the login of the service account that the chart has made for Leapline."""
    token = control_plane.service_account_token("shop", "scorer-deployer")
    monkeypatch.setenv("KUBECONFIG", str(control_plane.kubeconfig(token)))
    return KubernetesTarget(parse_targets("kubernetes://shop/scorer")[0], Logins())


def deploy(target: KubernetesTarget, image: str, wait: Wait = WAIT) -> None:
    target.roll_out(image, target.running(), wait)


def pods(control_plane: Cluster) -> set[str]:
    """Return the images of the pods that are ready."""
    listed: Any = CoreV1Api(control_plane.client()).list_namespaced_pod("shop").items
    return {pod.spec.containers[0].image for pod in listed if pod.status.container_statuses[0].ready}


def test_every_pod_runs_the_new_image_after_the_rollout(target: KubernetesTarget, control_plane: Cluster) -> None:
    assert target.running().complete
    deploy(target, SECOND)
    assert target.running() == Running(SECOND, True)
    assert SECOND in pods(control_plane)


def test_image_that_cannot_be_pulled_is_set_back(target: KubernetesTarget, control_plane: Cluster) -> None:
    deploy(target, SECOND)
    with pytest.raises(RolloutFailedError, match=r"pod scorer-\w+-\w+: ImagePullBackOff"):
        deploy(target, BROKEN, Wait(5, poll_s=0.2))
    assert WAIT.until(lambda: target.running() == Running(SECOND, True))
    assert pods(control_plane) == {SECOND}


def test_rollout_that_makes_no_progress_ends_before_the_time_limit(
    target: KubernetesTarget, control_plane: Cluster
) -> None:
    deploy(target, SECOND)
    limit = {"spec": {"progressDeadlineSeconds": 3}}
    AppsV1Api(control_plane.client()).patch_namespaced_deployment("scorer", "shop", limit)
    started = time.monotonic()
    with pytest.raises(RolloutFailedError):
        deploy(target, BROKEN, Wait(60, poll_s=0.2))
    assert time.monotonic() - started < 40
    assert WAIT.until(lambda: target.running() == Running(SECOND, True))


def test_another_champion_replaces_an_unfinished_rollout(target: KubernetesTarget) -> None:
    deploy(target, SECOND)
    with pytest.raises(SupersededError):
        deploy(target, BROKEN, Wait(60, lambda: "sha256:3", 0.2))
    deploy(target, THIRD)
    assert target.running() == Running(THIRD, True)


def test_upgrade_of_the_chart_keeps_the_deployed_image(target: KubernetesTarget, control_plane: Cluster) -> None:
    deploy(target, THIRD)
    helm(control_plane, "upgrade", FIRST)
    assert target.running().image == THIRD


def test_role_of_the_chart_allows_this_deployment_only(target: KubernetesTarget) -> None:
    for address in ("kubernetes://shop/another", "kubernetes://default/scorer"):
        other = KubernetesTarget(parse_targets(address)[0], Logins())
        with pytest.raises(DeployUnusableError, match="HTTP 403: .* cannot get resource"):
            other.running()


def test_token_that_is_not_known_is_rejected(control_plane: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(control_plane.kubeconfig("unknown")))
    with pytest.raises(DeployUnusableError, match="HTTP 401: Unauthorized"):
        KubernetesTarget(parse_targets("kubernetes://shop/scorer")[0], Logins()).running()


def test_certificate_that_is_not_trusted_is_named(control_plane: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    path = control_plane.kubeconfig("untrusted")
    content = json.loads(Path(path).read_text())
    del content["clusters"][0]["cluster"]["certificate-authority"]
    Path(path).write_text(json.dumps(content))
    monkeypatch.setenv("KUBECONFIG", str(path))
    with pytest.raises(Exception, match="CERTIFICATE_VERIFY_FAILED.*certificate"):
        KubernetesTarget(parse_targets("kubernetes://shop/scorer")[0], Logins()).running()
