"""A healthy installation: a real registry with a signed champion, a lake with its ledger, events of yesterday."""

import shutil
from collections import namedtuple
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from leapline.deployment.signatures import sign_image
from leapline.doctor.catalogue import CHECKS
from leapline.doctor.finding import Finding, Status
from leapline.doctor.machine import GIB
from leapline.doctor.runner import run_checks
from leapline.doctor.subject import Subject
from leapline.installation import ENV_FILE_VARIABLE
from leapline.serving.layout import index_digest
from leapline.serving.registry import Registry
from leapline.settings import Settings
from leapline.signing.keys import SigningKey
from leapline.storage import lake_of
from tests.conftest import ROOT
from tests.lakes import make_champion, record_model
from tests.serving.conftest import (
    MakeImage,
    crane,
    make_image,
    registry,
    registry_address,
    registry_binary,
    repository,
)
from tests.serving.test_registry_causes import docker_config, start

__all__ = [
    "crane",
    "docker_config",
    "make_image",
    "registry",
    "registry_address",
    "registry_binary",
    "repository",
    "start",
]
Usage = namedtuple("Usage", "total used free")
YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).date()
KEY = "0123456789abcdefghijklmnopqrstuv"
Examine = Callable[[str], list[Finding]]


def examine(check: str) -> list[Finding]:
    """Run one check, named `group name`."""
    chosen = [entry for entry in CHECKS if f"{entry.group} {entry.name}".strip() == check]
    assert len(chosen) == 1, check
    return [result.finding for result in run_checks(chosen, Subject())]


def only(check: str, status: Status) -> Finding:
    """Return the only finding of a check that has this status; whatever is wrong has a fix."""
    findings = [finding for finding in examine(check) if finding.status is status]
    assert len(findings) == 1, examine(check)
    assert bool(findings[0].fix) == bool(findings[0].expected) == (status in (Status.WARNING, Status.PROBLEM))
    return findings[0]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The lake's folder of an installation without registry; it has a key, tools, and events of yesterday."""
    home, tools = tmp_path / "lake", tmp_path / "tools"
    for folder in (home, tools):
        folder.mkdir(mode=0o700)
    for name in ("bin", "cleaner", "scorer"):
        (tools / name).symlink_to(ROOT / ".local" / name)
    (tmp_path / "key.pem").touch(mode=0o600)
    (tmp_path / "key.pem").write_text(SigningKey.generate().pem())
    run = home / "landing" / f"run={YESTERDAY}-01-00-00"
    run.mkdir(parents=True, mode=0o700)
    (run / "part-00000.txt").write_text("a line of events\n")
    monkeypatch.delenv("AIRFLOW_HOME", raising=False)
    monkeypatch.delenv(ENV_FILE_VARIABLE)
    for name, value in {
        "HOME": home,
        "TOOLS": tools,
        "PSEUDONYM_KEY": KEY,
        "SIGNING_KEY_FILE": tmp_path / "key.pem",
        "REGISTRY": "127.0.0.1:1",
    }.items():
        monkeypatch.setenv(f"LEAPLINE_{name}", str(value))
    return home


@pytest.fixture
def healthy(home: Path, registry: Registry, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of a healthy installation, whose champion is of yesterday, with space whatever this machine has."""
    monkeypatch.setenv("LEAPLINE_REGISTRY", registry.host)
    monkeypatch.setenv("LEAPLINE_REPOSITORY", registry.repository)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100 * GIB, 50 * GIB, 50 * GIB))
    settings, model_id = Settings.load(), f"{YESTERDAY}-0123456789ab"
    image = make_image("a model", model_id=model_id, day=YESTERDAY.isoformat())
    registry.push(image, model_id)
    digest = index_digest(image)
    assert settings.signing_key_file
    sign_image(registry, digest, {}, SigningKey.from_pem(settings.signing_key_file.read_text()))
    record_model(lake_of(settings), model_id, digest)
    make_champion(settings, digest)
    return settings
