"""Planted problems of `.env`, variables and keys are named with their fix."""

from pathlib import Path

import pytest

from leapline.doctor.finding import Status
from leapline.errors import SettingsError
from leapline.installation import ENV_FILE_VARIABLE
from leapline.settings import Settings
from leapline.signing.keys import SigningKey
from tests.doctor.conftest import examine, only


@pytest.fixture
def env_file(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The `.env` of an installation, in which the test is."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / ".env"
    path.touch(mode=0o600)
    path.write_text("LEAPLINE_FOREST_TREES=10\nLEAPLINE_DEPLOY_WEBHOOK_SECRET=whsec_c2VjcmV0c2VjcmV0c2VjcmV0\n")
    return path


def test_private_file_of_settings_is_accepted(env_file: Path) -> None:
    assert only("Settings file of settings", Status.OK).found == f"{env_file}, mode 0600"
    assert only("Settings installation", Status.OK).found == str(env_file.parent)


def test_secrets_that_others_can_read_are_a_problem(env_file: Path) -> None:
    env_file.chmod(0o644)
    finding = only("Settings file of settings", Status.PROBLEM)
    assert "mode 0644" in finding.found
    assert finding.fix == f"Run `chmod 600 {env_file}`."
    env_file.write_text("LEAPLINE_FOREST_TREES=10\nLEAPLINE_PSEUDONYM_KEY=\n")
    assert only("Settings file of settings", Status.OK), "a file without secrets may be read"


def test_file_of_settings_that_cannot_be_read_is_named(
    env_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env_file.write_bytes(b"LEAPLINE_FOREST_TREES=10\n\xff\xfe")
    assert "not UTF-8" in only("Settings file of settings", Status.PROBLEM).found
    with pytest.raises(SettingsError, match=f"file of settings {env_file}: found bytes that are not UTF-8"):
        Settings.load()
    env_file.unlink()
    monkeypatch.setenv(ENV_FILE_VARIABLE, "other.env")
    assert "Correct LEAPLINE_ENV_FILE" in only("Settings file of settings", Status.PROBLEM).fix


def test_every_wrong_variable_is_named_with_what_may_be_meant(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAPLINE_REGISTRI", "127.0.0.1:5")
    monkeypatch.setenv("LEAPLINE_FOREST_DEPTH", "400")
    with env_file.open("a") as out:
        out.write("LEAPLINE_TRAINING_DAY=3\nLEAPLINE_SIGNING=perhaps\n")
    findings = examine("Settings variables")
    assert all(finding.status is Status.PROBLEM and finding.fix for finding in findings)
    texts = {finding.found.split(":")[0]: f"{finding.found} {finding.expected}" for finding in findings}
    assert len(findings) == len(texts) == 4
    assert "perhaps LEAPLINE_REGISTRY" in texts["environment variable LEAPLINE_REGISTRI"]
    assert "training_days" in texts["setting leapline_training_day"]
    assert "'400' less than or equal to 30" in texts["setting forest_depth (LEAPLINE_FOREST_DEPTH)"]
    assert "'required'" in texts["setting signing (LEAPLINE_SIGNING)"]
    assert only("Keys pseudonym key", Status.NOT_APPLICABLE).found == "Not examined: a setting is wrong."


def test_folder_that_is_no_installation_is_a_warning(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leapline.installation._is_installation", lambda _: False)
    monkeypatch.chdir(tmp_path)
    assert "Change to the folder with your .env" in only("Settings installation", Status.WARNING).fix


def test_malformed_feature_spec_is_named(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert only("Settings mapping and features", Status.OK)
    (tmp_path / "features.json").write_text('{"features": [}')
    monkeypatch.setenv("LEAPLINE_FEATURES", str(tmp_path / "features.json"))
    assert str(tmp_path / "features.json") in only("Settings mapping and features", Status.PROBLEM).found


@pytest.mark.parametrize(("key", "weakness"), [("", "nothing"), ("k" * 31, "31 bytes"), ("k" * 40, "only 1 differ")])
def test_weak_pseudonym_key_is_a_problem(home: Path, key: str, weakness: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAPLINE_PSEUDONYM_KEY", key)
    finding = only("Keys pseudonym key", Status.PROBLEM)
    assert weakness in finding.found
    assert "openssl rand -hex 32" in finding.fix
    assert len(set(key)) != 1 or key not in finding.found


def test_missing_signing_key_is_a_warning_unless_signatures_are_required(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LEAPLINE_SIGNING_KEY_FILE")
    assert "leapline keys create" in only("Keys signing key", Status.WARNING).fix
    assert only("Keys accepted keys", Status.NOT_APPLICABLE)
    monkeypatch.setenv("LEAPLINE_SIGNING", "required")
    assert "leapline keys create" in only("Keys signing key", Status.PROBLEM).fix
    monkeypatch.setenv("LEAPLINE_SIGNING", "off")
    assert only("Keys signing key", Status.NOT_APPLICABLE)


def test_unusable_or_exposed_signing_key_is_a_problem(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    assert only("Keys signing key", Status.OK).found.startswith("ECDSA P-256, ")
    file.chmod(0o640)
    assert f"chmod 600 {file}" in only("Keys signing key", Status.PROBLEM).fix
    file.write_text("no key")
    assert "no private key in PEM form" in only("Keys signing key", Status.PROBLEM).found
    file.unlink()
    finding = only("Keys signing key", Status.PROBLEM)
    assert (str(file) in finding.found, finding.fix) == (True, "Correct the path.")


def test_key_that_has_not_signed_this_lake_is_a_problem(healthy: Settings, tmp_path: Path) -> None:
    assert only("Keys accepted keys", Status.OK)
    former = SigningKey.from_pem((tmp_path / "key.pem").read_text())
    (tmp_path / "key.pem").write_text(SigningKey.generate().pem())
    finding = only("Keys accepted keys", Status.PROBLEM)
    assert former.public.key_id[:12] in finding.found
    assert "LEAPLINE_PUBLIC_KEYS" in finding.fix
