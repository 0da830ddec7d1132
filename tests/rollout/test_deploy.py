"""The deployment of the champion: a real registry, Kubernetes and web hooks as stand-ins."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest

from leapline.deployment.docker_images import make_docker_image
from leapline.errors import DeployError, DeployUnusableError, SettingsError
from leapline.rollout.champion import Champion, repository_in_ecr
from leapline.rollout.deploy import deploy_champion
from leapline.rollout.records import read_records
from leapline.serving.registry import Registry
from leapline.settings import Settings
from leapline.storage import lake_of
from tests.conftest import ROOT
from tests.fakes.aws_json import aws_service
from tests.fakes.kubernetes_api import KubernetesApi, kubernetes_api
from tests.lakes import make_champion
from tests.ports import free_address
from tests.rollout.conftest import OLD
from tests.rollout.test_lambda import Scripted as ScriptedFunction
from tests.rollout.test_web_hook import SECRET, Receiver, receiver
from tests.serving.conftest import crane, make_image, published, registry, registry_address, registry_binary, repository

__all__ = ["crane", "make_image", "published", "registry", "registry_address", "registry_binary", "repository"]
KUBERNETES = "kubernetes://shop/scorer"


@pytest.fixture
def champion(settings: Settings, published: Callable[[str], str]) -> str:
    """The digest that the tag `champion` names."""
    digest = published("2026-03-01")
    make_champion(settings, digest)
    return digest


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as server:
        yield server


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubernetesApi]:
    with kubernetes_api(OLD) as server:
        (tmp_path / "kubeconfig").write_text(json.dumps(server.kubeconfig()))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
        yield server


@pytest.fixture
def settings(registry: Registry, tmp_path: Path, hook: Receiver) -> Settings:
    url = f"http://127.0.0.1:{hook.server_address[1]}/hook"
    return Settings.load(
        home=tmp_path / "lake", registry=registry.host, repository=registry.repository, tools=ROOT / ".local",
        deploy=f"{KUBERNETES},{url}", deploy_webhook_secret=SECRET,
    )  # fmt: skip


def test_every_target_runs_the_champion_and_the_lake_records_it(
    settings: Settings, champion: str, cluster: KubernetesApi, hook: Receiver
) -> None:
    summary = deploy_champion(settings, "run-1", poll_s=0.005)
    assert cluster.image == f"{settings.image}@{champion}"
    assert json.loads(hook.received[0][1])["data"]["digest"] == champion
    states = {name: (r["state"], r["before"], r["after"]) for name, r in summary["targets"].items()}
    assert states == {
        KUBERNETES: ("deployed", OLD.partition("@")[2], champion), "http://127.0.0.1/...": ("deployed", None, champion),
    }  # fmt: skip
    assert summary["why"] == "2026-03-01-0123456789ab runs at every target (2 deployed)"
    records = list(read_records(lake_of(settings).store).values())
    assert {r.target for r in records} == set(states)
    assert {(r.model_id, r.run_id) for r in records} == {("2026-03-01-0123456789ab", "run-1")}


def test_repetition_changes_nothing(settings: Settings, champion: str, cluster: KubernetesApi, hook: Receiver) -> None:
    deploy_champion(settings, "run-1", poll_s=0.005)
    records = read_records(lake_of(settings).store)
    summary = deploy_champion(settings, "run-2", poll_s=0.005)
    assert {r["state"] for r in summary["targets"].values()} == {"unchanged"}
    assert (len(cluster.patches), len(hook.received)) == (1, 1)
    assert read_records(lake_of(settings).store) == records


def test_target_that_was_changed_by_hand_is_deployed_again(
    settings: Settings, champion: str, cluster: KubernetesApi, hook: Receiver
) -> None:
    deploy_champion(settings, "run-1", poll_s=0.005)
    cluster.set_image("scorer", OLD)
    deploy_champion(settings, "run-2", poll_s=0.005)
    assert cluster.image == f"{settings.image}@{champion}"
    records = {record.target: record.run_id for record in read_records(lake_of(settings).store).values()}
    assert records == {KUBERNETES: "run-2", "http://127.0.0.1/...": "run-1"}


def test_rollout_that_an_interrupted_task_has_begun_is_awaited(
    settings: Settings, champion: str, cluster: KubernetesApi, hook: Receiver
) -> None:
    cluster.set_image("scorer", f"{settings.image}@{champion}")
    summary = deploy_champion(settings, "run-1", poll_s=0.005)
    assert summary["targets"][KUBERNETES]["state"] == "deployed"
    assert cluster.deployment["status"]["updatedReplicas"] == 2


def test_dry_run_reports_the_difference_and_changes_nothing(
    settings: Settings, champion: str, cluster: KubernetesApi, hook: Receiver
) -> None:
    summary = deploy_champion(settings, "run-1", dry_run=True)
    assert {r["state"] for r in summary["targets"].values()} == {"differs"}
    assert summary["why"] == "2026-03-01-0123456789ab is not at every target (2 would be deployed)"
    assert (cluster.patches, hook.received) == ([], [])
    assert read_records(lake_of(settings).store) == {}


def test_failed_target_does_not_stop_the_others_and_a_retry_does_what_is_left(
    settings: Settings, champion: str, cluster: KubernetesApi, hook: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.broken = {f"{settings.image}@{champion}"}
    with pytest.raises(DeployError) as error, caplog.at_level(logging.INFO, "leapline"):
        deploy_champion(settings, "run-1", poll_s=0.005)
    text = str(error.value)
    assert f"({champion}): found 1 of 2 targets without it; expected it at each." in text
    assert f"\n  {KUBERNETES} runs {OLD.partition('@')[2]}: found " in text
    assert "ImagePullBackOff" in text
    assert not error.value.retriable
    assert [r.levelname for r in caplog.records if r.name.startswith("leapline")] == ["ERROR", "INFO"]
    cluster.broken = set()
    summary = deploy_champion(settings, "run-1", poll_s=0.005)
    assert [r["state"] for r in summary["targets"].values()] == ["deployed", "unchanged"]
    assert len(hook.received) == 1


def test_failure_that_a_retry_may_cure_is_retriable(
    settings: Settings, champion: str, cluster: KubernetesApi, hook: Receiver
) -> None:
    cluster.status = 503
    with pytest.raises(DeployError, match=f"{KUBERNETES} runs an unknown image: found HTTP 503") as error:
        deploy_champion(settings, "run-1", poll_s=0.005)
    assert error.value.retriable


def test_rollout_ends_when_the_champion_moves_and_the_retry_deploys_the_new_one(
    settings: Settings, champion: str, cluster: KubernetesApi, hook: Receiver, registry: Registry,
    published: Callable[[str], str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    newer = published("2026-03-02")
    cluster.broken = {f"{settings.image}@{champion}"}
    real = KubernetesApi.set_image

    def move_then_patch(api: KubernetesApi, name: str, image: str) -> None:
        make_champion(settings, newer)
        real(api, name, image)

    monkeypatch.setattr(KubernetesApi, "set_image", move_then_patch)
    with pytest.raises(DeployError, match=f"moved to {newer}") as error:
        deploy_champion(settings, "run-1", poll_s=0.005)
    assert error.value.retriable
    deploy_champion(settings, "run-1", poll_s=0.005)
    assert cluster.image == f"{settings.image}@{newer}"
    assert json.loads(hook.received[-1][1])["data"]["digest"] == newer


def test_registry_that_is_down_during_a_rollout_does_not_end_it(settings: Settings, champion: str, crane: Path) -> None:
    current = Champion.current(settings)
    assert current.moved_to() == ""
    assert replace(current, registry=Registry(f"{free_address()}/x", crane, budget_s=0.1)).moved_to() == ""


def test_targets_are_deployed_at_the_same_time(settings: Settings, champion: str, hook: Receiver) -> None:
    with receiver() as other:
        hook.barrier = other.barrier = Barrier(2, timeout=5)
        urls = [f"http://127.0.0.1:{server.server_address[1]}/hook" for server in (hook, other)]
        two = settings.model_copy(update={"deploy": ",".join(urls)})
        assert len(read_records(lake_of(two).store)) == 0
        deploy_champion(two, "run-1")
    assert len(read_records(lake_of(two).store)) == 2


def test_option_names_the_repository_that_the_platform_pulls_from(
    settings: Settings, champion: str, cluster: KubernetesApi
) -> None:
    elsewhere = settings.model_copy(update={"deploy": f"{KUBERNETES}?image=mirror.example/scorer"})
    deploy_champion(elsewhere, "run-1", poll_s=0.005)
    assert cluster.image == f"mirror.example/scorer@{champion}"


@pytest.mark.usefixtures("aws_login")
def test_dry_run_publishes_no_image(settings: Settings, champion: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function = settings.model_copy(update={"deploy": f"lambda://score/live?image={settings.image}"})
    with aws_service(ScriptedFunction({}).actions()) as service:
        monkeypatch.setenv("AWS_ENDPOINT_URL", service.address)
        summary = deploy_champion(function, "run-1", dry_run=True)
        assert not [name for name, _ in service.calls if not name.startswith("GET")]
    assert summary["targets"]["lambda://score/live"]["state"] == "differs"
    assert Champion.current(settings).registry.digest("2026-03-01-0123456789ab-docker-amd64") is None


def test_repository_is_chosen_by_the_region_that_pulls() -> None:
    host = "123456789012.dkr.ecr.{}.amazonaws.com/scorer"
    images = ["ghcr.io/shop/scorer", host.format("us-east-1"), host.format("eu-west-1")]
    assert repository_in_ecr(images, "eu-west-1") == images[2]
    assert repository_in_ecr(images, "us-east-1") == images[1]
    assert repository_in_ecr(images, "eu-central-1") == ""


def test_further_repository_must_have_the_image_in_dockers_format(
    settings: Settings, champion: str, registry: Registry, crane: Path, tmp_path: Path
) -> None:
    other = f"{registry.image}-copy"
    current = Champion.current(settings.model_copy(update={"more_registries": other}))
    with pytest.raises(DeployUnusableError, match="found no such image; .* Set LEAPLINE_DOCKER_IMAGES=arm64"):
        current.docker_in(other, "arm64", "eu-west-1", "lambda://score/live")
    docker_image = make_docker_image(settings, champion, "arm64", out=tmp_path / "layout")
    Registry(other, crane).push(tmp_path / "layout", docker_image["tag"])
    assert current.docker_in(other, "arm64", "eu-west-1", "lambda://score/live") == f"{other}@{docker_image['digest']}"


def test_answer_that_nobody_expected_fails_its_target_only(
    settings: Settings, champion: str, cluster: KubernetesApi, hook: Receiver, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(KubernetesApi, "progressed", lambda _: {"kind": "Deployment"})
    with pytest.raises(DeployError, match=f"{KUBERNETES} runs an unknown image: found KeyError"):
        deploy_champion(settings, "run-1", poll_s=0.005)
    assert len(hook.received) == 1
    assert "Traceback" in caplog.text


def test_missing_champion_and_wrong_setting_are_named(settings: Settings) -> None:
    with pytest.raises(DeployUnusableError, match="champion: found no such tag"):
        deploy_champion(settings, "run-1")
    with pytest.raises(SettingsError, match="LEAPLINE_DEPLOY"):
        deploy_champion(settings.model_copy(update={"deploy": "k8s"}), "run-1")


def test_connection_outside_airflow_is_rejected(settings: Settings, champion: str) -> None:
    named = settings.model_copy(update={"deploy": "ecs://prod/scorer?connection=aws_prod"})
    with pytest.raises(DeployUnusableError, match="connection aws_prod: found a command outside Airflow"):
        deploy_champion(named, "run-1")


def test_image_in_dockers_format_is_published_when_a_target_needs_it(settings: Settings, champion: str) -> None:
    current = Champion.current(settings)
    dry = current.docker_in(settings.image, "arm64", "eu-west-1", "lambda://score/live", publish=False)
    assert current.registry.digest("2026-03-01-0123456789ab-docker-arm64") is None
    image = current.docker_in(settings.image, "arm64", "eu-west-1", "lambda://score/live")
    assert image == dry
    assert image == f"{settings.image}@{current.registry.digest('2026-03-01-0123456789ab-docker-arm64')}"
    assert not current.registry.is_index(image.partition("@")[2])
    with pytest.raises(DeployUnusableError, match="no repository in ECR of eu-west-1 among 127.0.0.1"):
        current.docker_in("", "arm64", "eu-west-1", "lambda://score/live")
    host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/scorer"
    mirrored = replace(current, settings=settings.model_copy(update={"registry": "another.example"}))
    assert mirrored.index_in(host) == f"{host}@{champion}"
