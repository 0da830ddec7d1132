"""A deployment is killed before each of its side effects, the changing HTTP requests to the platforms among them."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from leapline.deployment.factory import registry
from leapline.promotion.tag_moves import CHAMPION_TAG
from leapline.rollout.records import KEY, read_records
from leapline.settings import Settings
from leapline.storage import Lake, lake_of, read_json
from tests.fakes.kubernetes_api import KubernetesApi, kubernetes_api
from tests.faults.conftest import Copy
from tests.faults.kills.actions import deploy
from tests.faults.kills.forks import Deed
from tests.faults.kills.installations import contents, moves, require_readable
from tests.faults.kills.scenes import Scene, kill_everywhere
from tests.rollout.conftest import OLD
from tests.rollout.test_web_hook import SECRET, Receiver, receiver

_BEFORE = OLD.partition("@")[2]


@dataclass(frozen=True)
class Platforms:
    """The platforms of one installation.

    Attributes:
        hook: a web hook.
        cluster: a Deployment in Kubernetes.
        login: the path of its kubeconfig.
    """

    hook: Receiver
    cluster: KubernetesApi
    login: Path

    def deliveries(self) -> list[tuple[str, dict[str, Any]]]:
        """Return id and content of each delivery to the web hook."""
        return [(headers["webhook-id"], json.loads(body)["data"]) for headers, body in self.hook.received]

    def image(self) -> str:
        """Return the digest that the Deployment runs."""
        return self.cluster.image.partition("@")[2]


@pytest.fixture
def platforms(tmp_path: Path) -> Iterator[dict[Path, Platforms]]:
    """The platforms by the home of the installation; each installation has its own."""
    with ExitStack() as servers:
        yield _Started(servers, tmp_path)


class _Started(dict[Path, Platforms]):
    def __init__(self, servers: ExitStack, folder: Path) -> None:
        super().__init__()
        self._servers, self._folder = servers, folder

    def __missing__(self, home: Path) -> Platforms:
        cluster = self._servers.enter_context(kubernetes_api(OLD))
        login = self._folder / f"kubeconfig-{len(self)}"
        login.write_text(json.dumps(cluster.kubeconfig()))
        self[home] = Platforms(self._servers.enter_context(receiver()), cluster, login)
        return self[home]


def test_deployment_killed_between_any_two_side_effects_is_completed_by_the_retry(
    promoted: Settings, copied: Copy, platforms: dict[Path, Platforms], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    champion = registry(promoted).digest(CHAMPION_TAG)

    def prepare(name: str) -> Settings:
        settings = copied(promoted, name)
        port = platforms[settings.home].hook.server_address[1]
        targets = f"kubernetes://shop/scorer,http://127.0.0.1:{port}/hook"
        return settings.model_copy(update={"deploy": targets, "deploy_webhook_secret": SecretStr(SECRET)})

    def again(settings: Settings) -> object:
        monkeypatch.setenv("KUBECONFIG", str(platforms[settings.home].login))
        return deploy(settings)

    def require_whole(settings: Settings) -> None:
        """What is recorded as deployed runs there."""
        require_readable(settings)
        there, recorded = platforms[settings.home], read_records(lake_of(settings).store)
        assert there.image() in (_BEFORE, champion)
        running = {"kubernetes": there.image(), "http": champion if there.deliveries() else None}
        assert all(running[key.partition(":")[0]] == champion for key in recorded)

    def result(settings: Settings) -> dict[str, Any]:
        there = platforms[settings.home]
        digests = {content["digest"] for _, content in there.deliveries()}
        patched = {patch["spec"]["template"]["spec"]["containers"][0]["image"] for patch in there.cluster.patches}
        records = read_records(lake_of(settings).store).values()
        differs = (KEY, "runs/run/deploy.json")  # A retry reports what was deployed before as unchanged.
        files = {name: digest for name, digest in contents(Lake(settings.home)).items() if name not in differs}
        report = read_json(settings.home / "runs/run/deploy.json")["summary"]
        return files | {
            "ids that the web hook can tell": len({message_id for message_id, _ in there.deliveries()}),
            "digests in the web hook": digests, "digests in Kubernetes": {image.partition("@")[2] for image in patched},
            "serving": there.image(), "records": sorted((r.target.partition(":")[0], r.model_id) for r in records),
            "moves": moves(settings), "reported": (report["digest"], [t["after"] for t in report["targets"].values()]),
        }  # fmt: skip

    scene = Scene(
        prepare=prepare,
        deed=lambda settings: Deed(
            deploy, (settings,), [settings.home], tmp_path, {"KUBECONFIG": str(platforms[settings.home].login)}
        ),
        again=again,
        require_whole=require_whole,
        result=result,
    )
    effects = kill_everywhere(scene)
    requests = [effect.split()[1] for effect in effects if effect.startswith("send ")]
    assert requests == ["PATCH", "POST"]
