"""Planted problems of registry, champion and ledger, on real registries, are named with their fix."""

import json
from base64 import b64encode
from datetime import timedelta
from pathlib import Path

import pytest

from leapline.doctor.finding import Status
from leapline.serving.registry import Registry
from leapline.settings import Settings
from leapline.signing.keys import SigningKey
from leapline.storage import lake_of
from tests.doctor.conftest import YESTERDAY, examine, only
from tests.orchestration.test_registry_login import HTPASSWD, PASSWORD, USER
from tests.ports import free_port
from tests.serving.conftest import MakeImage
from tests.serving.test_registry_causes import SetConfig, Start


def login(docker_config: SetConfig, host: str, password: str) -> None:
    """Put a login into Docker's configuration."""
    docker_config(json.dumps({"auths": {host: {"auth": b64encode(f"{USER}:{password}".encode()).decode()}}}))


def test_stopped_registry_is_reported_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAPLINE_REGISTRY", f"127.0.0.1:{free_port()}")
    assert "leapline registry start" in only("Registry answer", Status.PROBLEM).fix
    for check in ("Registry read", "Registry push", "Champion tag"):
        assert "does not answer" in only(check, Status.NOT_APPLICABLE).found


def test_address_with_a_scheme_is_corrected(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAPLINE_REGISTRY", "https://registry.example/shop")
    assert "LEAPLINE_REGISTRY=registry.example" in only("Registry answer", Status.PROBLEM).fix


def test_missing_and_wrong_logins_are_named(
    home: Path,
    tmp_path: Path,
    start: Start,
    docker_config: SetConfig,
    make_image: MakeImage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    host = f"127.0.0.1:{start(auth=f'auth: {{htpasswd: {{realm: x, path: {tmp_path}/htpasswd}}}}')}"
    monkeypatch.setenv("LEAPLINE_REGISTRY", host)
    assert only("Registry answer", Status.OK)
    assert f"crane auth login {host}" in only("Registry read", Status.PROBLEM).fix
    login(docker_config, host, PASSWORD)
    settings = Settings.load()
    Registry(settings.image, settings.tools / "bin" / "crane").push(make_image(), "m1")
    assert only("Registry read", Status.OK)
    before = set((tmp_path / "data").rglob("*"))
    assert "was mounted into it again" in only("Registry push", Status.OK).found
    assert set((tmp_path / "data").rglob("*")) == before
    login(docker_config, host, "wrong")
    for check in ("Registry read", "Registry push"):
        finding = only(check, Status.PROBLEM)
        assert "check user name and password" in finding.fix
        assert PASSWORD not in str(finding)


def test_read_only_registry_is_named(
    home: Path, tmp_path: Path, start: Start, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = f"127.0.0.1:{start()}"
    Registry(f"{host}/leapline/scorer", Settings.load().tools / "bin" / "crane").push(make_image(), "m1")
    # The second registry has the same folder.
    monkeypatch.setenv("LEAPLINE_REGISTRY", f"127.0.0.1:{start(read_only=True)}")
    assert "read-only mode" in only("Registry push", Status.PROBLEM).fix


def test_empty_repository_is_not_written(
    healthy: Settings, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAPLINE_REPOSITORY", f"{registry.repository}-new")
    assert only("Registry push", Status.NOT_APPLICABLE)
    assert "is empty" in only("Registry read", Status.OK).found


def test_further_registry_with_another_champion_is_a_warning(
    healthy: Settings, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAPLINE_MORE_REGISTRIES", f"{registry.image}-mirror")
    assert "found champion none" not in only("Registry further registries", Status.WARNING).found
    assert "next promotion aligns it" in only("Registry further registries", Status.WARNING).fix
    monkeypatch.setenv("LEAPLINE_MORE_REGISTRIES", f"127.0.0.1:{free_port()}/shop/mirror")
    assert "LEAPLINE_MORE_REGISTRIES" in only("Registry further registries", Status.PROBLEM).fix


def test_champion_that_was_moved_by_hand_is_a_problem(
    healthy: Settings, registry: Registry, make_image: MakeImage
) -> None:
    assert only("Champion tag", Status.OK)
    registry.push(make_image("another model", model_id="m2"), "m2")
    registry.tag("m2", "champion")
    finding = only("Champion tag", Status.PROBLEM)
    assert "image without papers" in finding.found
    assert "leapline rollback" in finding.fix


def test_champion_without_an_accepted_signature_is_a_problem(healthy: Settings, tmp_path: Path) -> None:
    other = SigningKey.generate()
    ledger_of_nobody = lake_of(healthy).store
    ledger_of_nobody.delete("ledger-head.json")
    (tmp_path / "key.pem").write_text(other.pem())
    assert only("Champion tag", Status.PROBLEM).fix


def test_changed_ledger_is_a_problem(healthy: Settings) -> None:
    ledger = healthy.home / "ledger.jsonl"
    assert only("Champion ledger", Status.OK)
    ledger.write_text(ledger.read_text().replace('"test"', '"text"'))
    findings = examine("Champion ledger")
    assert {finding.status for finding in findings} == {Status.PROBLEM}
    assert "leapline ledger" in findings[0].fix


def test_malformed_deployment_target_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert only("Champion deployment", Status.NOT_APPLICABLE)
    monkeypatch.setenv("LEAPLINE_DEPLOY", "kubernetes://shop")
    assert "docs/deployment.md" in only("Champion deployment", Status.PROBLEM).fix
    monkeypatch.setenv("LEAPLINE_DEPLOY", "kubernetes://shop/scorer")
    assert only("Champion deployment", Status.OK).found == "kubernetes://shop/scorer"


def test_stale_champion_is_a_warning(healthy: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert str(YESTERDAY) in only("Champion age", Status.OK).found
    monkeypatch.setattr("leapline.doctor.subject.Subject.yesterday", YESTERDAY + timedelta(days=7))
    assert "7 data days old" in only("Champion age", Status.WARNING).found


def test_champion_that_had_to_be_replaced_after_an_erasure_is_a_problem(healthy: Settings) -> None:
    receipt = {"models": [f"{YESTERDAY}-0123456789ab"], "retire_by": "2026-01-01"}
    lake_of(healthy).store.put("erasures/r1.json", json.dumps(receipt).encode())
    assert "Run the pipeline" in only("Champion age", Status.PROBLEM).fix
