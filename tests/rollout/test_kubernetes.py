"""Kubernetes: a Deployment takes over an image, or gets its former one back."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from leapline.errors import DeployError, DeployUnusableError, RolloutFailedError
from leapline.rollout.kubernetes import KubernetesTarget
from leapline.rollout.logins import Connection, Logins
from leapline.rollout.platform import Running, SupersededError, Wait
from leapline.rollout.target import Target, parse_targets
from tests.fakes.kubernetes_api import KubernetesApi, kubernetes_api
from tests.rollout.conftest import NEW, OLD, QUICK, FakeImages


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubernetesApi]:
    with kubernetes_api(OLD) as server:
        (tmp_path / "kubeconfig").write_text(json.dumps(server.kubeconfig()))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
        yield server


def scorer(address: str = "kubernetes://shop/scorer") -> KubernetesTarget:
    return KubernetesTarget(parse_targets(address)[0], Logins())


def test_image_is_patched_by_digest_and_the_rollout_awaited(api: KubernetesApi) -> None:
    target = scorer()
    before = target.running()
    assert before == Running(OLD, True)
    target.roll_out(target.image(FakeImages()), before, QUICK)
    assert target.running() == Running(NEW, True)
    [patch] = api.patches
    assert patch["spec"]["template"]["spec"]["containers"] == [{"name": "scorer", "image": NEW}]
    assert NEW in patch["metadata"]["annotations"]["kubernetes.io/change-cause"]


def test_running_is_incomplete_until_every_replica_is_replaced(api: KubernetesApi) -> None:
    api.set_image("scorer", NEW)
    states = [scorer().running() for _ in range(3)]
    assert states == [Running(NEW, False), Running(NEW, False), Running(NEW, True)]


@pytest.mark.timeout(20)
def test_image_that_does_not_become_ready_is_set_back_and_its_pod_named(api: KubernetesApi) -> None:
    api.broken = {NEW}
    target = scorer()
    with pytest.raises(RolloutFailedError, match="pod scorer-new: ImagePullBackOff: Back-off") as error:
        target.roll_out(NEW, target.running(), Wait(60, poll_s=0.005))
    assert f"set back to {OLD}" in error.value.found
    assert "scorer-old" not in error.value.found
    assert api.image == OLD
    assert not error.value.retriable


def test_former_tag_is_set_back_as_the_digest_that_a_ready_pod_runs(api: KubernetesApi) -> None:
    api.set_image("scorer", "registry.shop.example/scorer:champion")
    api.broken = {NEW}
    target = scorer()
    with pytest.raises(RolloutFailedError):
        target.roll_out(NEW, target.running(), QUICK)
    assert api.image == "registry.shop.example/scorer@sha256:" + "0" * 64


def test_rollout_that_takes_too_long_is_set_back(api: KubernetesApi) -> None:
    target = scorer()
    with pytest.raises(RolloutFailedError, match="did not become ready"):
        target.roll_out(NEW, target.running(), Wait(0, poll_s=0))
    assert api.image == OLD


def test_rollout_makes_way_for_another_champion(api: KubernetesApi) -> None:
    api.broken = {NEW}
    target = scorer()
    with pytest.raises(SupersededError, match="moved to sha256:3"):
        target.roll_out(NEW, target.running(), Wait(5, lambda: "sha256:3", 0.005))


def test_paused_deployment_is_rejected_before_the_patch(api: KubernetesApi) -> None:
    api.deployment["spec"]["paused"] = True
    with pytest.raises(DeployUnusableError, match="rollout resume deployment/scorer"):
        scorer().roll_out(NEW, Running(OLD), QUICK)
    assert api.patches == []


@pytest.mark.parametrize(
    ("status", "kind", "text"),
    [(403, DeployUnusableError, "Role that may get deployments"), (404, DeployUnusableError, "Create the Deployment"),
     (503, DeployError, "Run it again later")],
)  # fmt: skip
def test_answers_of_the_api_name_the_remedy(
    api: KubernetesApi, status: int, kind: type[DeployError], text: str
) -> None:
    api.status = status
    with pytest.raises(DeployError, match=f"HTTP {status}: the server answers {status}.*{text}") as error:
        scorer().running()
    assert type(error.value) is kind


def test_wrong_token_is_not_shown(api: KubernetesApi, tmp_path: Path) -> None:
    config = api.kubeconfig()
    config["users"][0]["user"]["token"] = "wrong-secret"
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    with pytest.raises(DeployUnusableError, match="HTTP 401") as error:
        scorer().running()
    assert "wrong-secret" not in str(error.value)


def test_api_that_does_not_answer_is_retried(api: KubernetesApi, tmp_path: Path) -> None:
    config = api.kubeconfig()
    config["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:1"
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    with pytest.raises(DeployError, match="address of the API server") as error:
        scorer().running()
    assert error.value.retriable


def test_missing_kubeconfig_and_unknown_container_are_named(
    api: KubernetesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DeployUnusableError, match="found containers proxy, scorer; expected a container web"):
        scorer("kubernetes://shop/scorer/web").running()
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    with pytest.raises(DeployUnusableError, match="expected a kubeconfig"):
        scorer().running()


def test_kubeconfig_of_a_connection_replaces_that_of_the_environment(
    api: KubernetesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")

    class OneConnection(Logins):
        def connection(self, target: Target) -> Connection:
            return Connection(extra={"kube_config": json.dumps(api.kubeconfig())})

    [target] = parse_targets("kubernetes://shop/scorer?connection=cluster")
    assert KubernetesTarget(target, OneConnection()).running() == Running(OLD, True)
