"""Settings are checked at the edge, and a wrong one is named with its range."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from leapline.errors import SettingsError
from leapline.settings import Settings
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def _no_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_settings_have_documented_defaults() -> None:
    settings = Settings.load()
    assert (settings.roc_auc_threshold, settings.promote, settings.landing_dir) == (
        0.88,
        True,
        ROOT / ".leapline/landing",
    )
    assert settings.image == "127.0.0.1:5055/leapline/scorer"


def test_arguments_override_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAPLINE_TRAINING_DAYS", "3")
    assert Settings.load().training_days == 3
    assert Settings.load(training_days="5").training_days == 5
    assert Settings.load(training_days=None).training_days == 3


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("roc_auc_threshold", "1.5", "less than or equal to 1"),
        ("roc_auc_threshold", "0.5", "greater than 0.5"),
        ("roc_auc_threshold", "high", "valid number"),
        ("training_days", "-1", "greater than or equal to 0"),
        ("bundle_format", "xml", "'protobuf' or 'json'"),
        ("probe_rows", "10", "greater than or equal to 1000"),
        ("spark_driver_memory", "lots", "match pattern"),
        ("docker_images", "x86_64", "match pattern"),
        ("docker_images", "amd64,", "match pattern"),
    ],
)
def test_out_of_range_value_is_rejected(name: str, value: str, text: str) -> None:
    with pytest.raises(
        SettingsError, match=re.escape(f"setting {name} (LEAPLINE_{name.upper()}): found '{value}'")
    ) as info:
        Settings.load(**{name: value})
    assert text in str(info.value)


@pytest.mark.parametrize(
    ("value", "architectures"), [("", []), ("arm64", ["arm64"]), ("arm64,amd64,arm64", ["amd64", "arm64"])]
)
def test_architectures_of_docker_images_are_listed_once(value: str, architectures: list[str]) -> None:
    assert Settings.load(docker_images=value).docker_architectures == architectures


def test_unknown_variable_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAPLINE_TRESHOLD", "0.9")
    with pytest.raises(SettingsError, match="LEAPLINE_TRESHOLD: found no setting of that name"):
        Settings.load()


def test_other_services_keys_in_the_env_file_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("POSTGRES_PASSWORD=x\nLEAPLINE_SEED=5\n")
    monkeypatch.chdir(tmp_path)
    assert Settings.load().seed == 5


def test_unknown_argument_is_rejected_with_a_suggestion() -> None:
    with pytest.raises(SettingsError, match=r"setting seeds: found no setting of that name; expected perhaps seed\."):
        Settings.load(seeds=1)
    with pytest.raises(SettingsError, match="setting zebra: .* expected the name of a setting.* `leapline settings`"):
        Settings.load(zebra=1)


def test_short_key_is_rejected_and_no_key_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="LEAPLINE_PSEUDONYM_KEY: found nothing"):
        Settings.load().key_bytes()
    monkeypatch.setenv("LEAPLINE_PSEUDONYM_KEY", "tooshort")
    with pytest.raises(SettingsError, match="found 8 bytes") as info:
        Settings.load().key_bytes()
    assert "tooshort" not in str(info.value)
    monkeypatch.setenv("LEAPLINE_PSEUDONYM_KEY", "k" * 40)
    assert Settings.load().key_bytes() == b"k" * 40
    assert "kkkk" not in repr(Settings.load())


def test_settings_are_immutable() -> None:
    with pytest.raises(ValidationError):
        Settings.load().promote = False  # type: ignore[misc]
