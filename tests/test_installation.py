"""The installation's folder, and `leapline` started from other working directories."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from leapline.errors import SettingsError
from leapline.installation import Installation, find_installation
from leapline.local.pseudonym_key import ensure_pseudonym_key
from leapline.settings import Settings
from tests.conftest import ROOT

KEY = "k" * 32


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """An installation with a subfolder, in a path with a space and a quote."""
    folder = tmp_path / "my shop's data"
    (folder / "notebooks" / "deep").mkdir(parents=True)
    (folder / ".env").write_text(f"POSTGRES_PASSWORD=x\nLEAPLINE_PSEUDONYM_KEY={KEY}\nLEAPLINE_LANDING=events/in")
    return folder


def test_settings_are_the_same_in_every_subfolder(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (shop, shop / "notebooks", shop / "notebooks" / "deep"):
        monkeypatch.chdir(folder)
        settings = Settings.load()
        assert (settings.home, settings.landing_dir) == (shop / ".leapline", shop / "events/in")
        assert (settings.tools, settings.key_bytes()) == (shop / ".local", KEY.encode())


def test_env_file_of_another_project_is_not_an_installation(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DATABASE_URL=postgres://localhost\n")
    assert find_installation(tmp_path).folder == ROOT


def test_outside_any_installation_the_checkout_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_installation() == Installation(ROOT, recognised=True)
    assert Settings.load().home == ROOT / ".leapline"


def test_absolute_paths_are_kept(tmp_path: Path, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop)
    monkeypatch.setenv("LEAPLINE_HOME", str(tmp_path / "lake"))
    assert Settings.load().home == tmp_path / "lake"


def test_key_is_created_once_in_the_installation(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    env_file = shop / ".env"
    env_file.write_text("LEAPLINE_SEED=5")
    monkeypatch.chdir(shop / "notebooks")
    key = ensure_pseudonym_key(Settings.load()).key_bytes()
    assert f"Created the pseudonym key in {env_file}" in capsys.readouterr().err
    assert ensure_pseudonym_key(Settings.load()).key_bytes() == key
    assert (Settings.load().seed, len(env_file.read_text().splitlines())) == (5, 3)
    assert not (shop / "notebooks" / ".env").exists()


def test_no_key_is_created_outside_an_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = Installation(tmp_path, recognised=False)
    monkeypatch.setattr("leapline.local.pseudonym_key.find_installation", lambda: outside)
    with pytest.raises(SettingsError, match=f"no installation in {tmp_path} or above"):
        ensure_pseudonym_key(Settings.load(pseudonym_key=None).model_copy(update={"pseudonym_key": None}))
    assert not list(tmp_path.iterdir())


def test_command_works_from_another_working_directory(shop: Path, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).parent / "leapline"), "settings", "--json"]
    for folder, home in ((shop / "notebooks", shop / ".leapline"), (tmp_path, ROOT / ".leapline")):
        output = subprocess.run(command, cwd=folder, env={"PATH": os.environ["PATH"]}, capture_output=True, check=True)
        assert f'"value": "{home}"' in output.stdout.decode()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["my shop's data"]


def test_environment_names_another_file_of_settings(shop: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.env"
    other.write_text("LEAPLINE_SEED=77\n")
    command = [str(Path(sys.executable).parent / "leapline"), "settings", "--json"]
    for file, seed in ((str(other), "77"), (os.devnull, "20150")):
        env = {"PATH": os.environ["PATH"], "LEAPLINE_ENV_FILE": file}
        output = subprocess.run(command, cwd=shop, env=env, capture_output=True, check=True, text=True).stdout
        assert {row["name"]: row["value"] for row in json.loads(output)}["LEAPLINE_SEED"] == seed
