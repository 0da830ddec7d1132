"""Images and waiting for the tests of rollouts."""

import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest

from leapline.rollout.logins import Logins
from leapline.rollout.platform import Wait
from leapline.rollout.target import Target
from tests.conftest import ROOT

OLD, NEW = (f"registry.shop.example/scorer@sha256:{digit * 64}" for digit in "12")
QUICK = Wait(5, poll_s=0.005)


def documented_actions(service: str) -> set[str]:
    """Return the names of the actions of an AWS service that docs/deployment.md allows."""
    page = (ROOT / "docs/deployment.md").read_text()
    policies = [json.loads(block.split("```")[0]) for block in page.split("```json\n")[1:]]
    statements = [statement for policy in policies for statement in policy["Statement"]]
    actions = [
        action for s in statements for action in (s["Action"] if isinstance(s["Action"], list) else [s["Action"]])
    ]
    return {action.partition(":")[2] for action in actions if action.startswith(f"{service}:")}


@dataclass
class FakeImages:
    """The champion's images: `NEW`, and in Docker's format one whose name contains architecture and region."""

    model_id: str = "2026-03-01-0123456789ab"
    digest: str = NEW.partition("@")[2]
    requested: list[tuple[str, str]] = field(default_factory=list)

    def index(self) -> str:
        return NEW

    def docker(self, arch: str, region: str) -> str:
        self.requested.append((arch, region))
        return NEW


class SharedLogins(Logins):
    """The environment's login, with one session for all tests: it reads the services' descriptions once."""

    def aws_session(self, target: Target, region: str | None) -> Any:
        return _session()


@cache
def _session() -> Any:
    import boto3

    return boto3.Session(region_name="eu-west-1")


@pytest.fixture
def aws_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials and a region that no real service accepts."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
