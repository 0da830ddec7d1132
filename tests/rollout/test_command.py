"""`leapline deploy`, and the deployment after `leapline rollback`."""

import json
from collections.abc import Callable, Iterator

import pytest

from leapline.errors import DeployUnusableError
from leapline.serving.registry import Registry
from leapline.settings import Settings
from tests.command import leapline
from tests.lakes import make_champion
from tests.rollout.test_deploy import champion, hook, settings
from tests.rollout.test_web_hook import Receiver, receiver
from tests.serving.conftest import crane, make_image, published, registry, registry_address, registry_binary, repository
from tests.test_cli import terminal

__all__ = [
    "champion", "crane", "hook", "make_image", "published", "registry", "registry_address", "registry_binary",
    "repository", "settings",
]  # fmt: skip
HOOK = "http://127.0.0.1/..."


@pytest.fixture
def hooked(settings: Settings, hook: Receiver) -> Settings:
    """Settings whose only target is the web hook."""
    return settings.model_copy(update={"deploy": f"http://127.0.0.1:{hook.server_address[1]}/hook"})


@pytest.fixture
def other() -> Iterator[Receiver]:
    with receiver() as server:
        yield server


def test_dry_run_shows_what_would_change(hooked: Settings, champion: str, hook: Receiver) -> None:
    shown = terminal(hooked, 120, "deploy", "--dry-run").stdout
    assert "Dry run: targets of 2026-03-01-0123456789ab" in shown
    assert [HOOK, "differs", "-", champion[:19]] == [cell.strip() for cell in shown.split("│")[1:5]]
    assert hook.received == []


def test_command_deploys_once_and_reports_as_json(hooked: Settings, champion: str, hook: Receiver) -> None:
    first, second = (leapline(hooked, "deploy") for _ in range(2))
    assert (first["digest"], first["targets"][HOOK]["state"]) == (champion, "deployed")
    assert second["targets"][HOOK] | {"seconds": 0} == {
        "state": "unchanged", "before": champion, "after": champion, "seconds": 0,
    }  # fmt: skip
    assert len(hook.received) == 1


def test_targets_can_be_named_on_the_command_line(
    hooked: Settings, champion: str, hook: Receiver, other: Receiver
) -> None:
    leapline(hooked, "deploy", "--target", f"http://127.0.0.1:{other.server_address[1]}/other")
    assert (len(other.received), len(hook.received)) == (1, 0)


def test_without_targets_the_command_says_so(settings: Settings) -> None:
    shown = terminal(settings.model_copy(update={"deploy": "none", "registry": "127.0.0.1:1"}), 120, "deploy")
    assert (shown.exit_code, shown.stdout) == (0, "")
    assert "LEAPLINE_DEPLOY names no target" in shown.stderr


@pytest.fixture
def two_models(hooked: Settings, champion: str, registry: Registry, published: Callable[[str], str]) -> str:
    """The digest of `previous`, behind a newer champion that was deployed."""
    make_champion(hooked, published("2026-03-02"))
    leapline(hooked, "deploy")
    return champion


def test_rollback_is_deployed(hooked: Settings, two_models: str, hook: Receiver) -> None:
    result = leapline(hooked, "rollback", "--why", "wrong prices")
    assert (result["champion"], result["targets"][HOOK]["after"]) == (two_models, two_models)
    assert json.loads(hook.received[-1][1])["data"]["model_id"] == "2026-03-01-0123456789ab"


def test_rollback_reports_the_moved_tag_when_a_target_fails(
    hooked: Settings, two_models: str, hook: Receiver, registry: Registry
) -> None:
    hook.statuses = [401]
    shown = terminal(hooked, 120, "rollback")
    assert isinstance(shown.exception, DeployUnusableError)
    assert f"champion {two_models}" in shown.stdout
    assert registry.digest("champion") == two_models
