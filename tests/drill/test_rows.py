"""What counts as stopped, and what a drill uses of the installation."""

from pathlib import Path

import pytest

from leapline.drill.run import Row
from leapline.drill.site import State, create_site
from leapline.errors import SettingsError
from leapline.settings import Settings
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("noticed_in", "changed", "ok"),
    [("gate", [], True), ("", [], False), ("gate", ["tag m1"], False), ("", ["the ledger"], False)],
)
def test_fault_is_stopped_if_it_was_noticed_and_nothing_changed(noticed_in: str, changed: list[str], ok: bool) -> None:
    assert Row("gate", "a bit", noticed_in, "", changed).ok is ok


def test_changes_name_each_tag_and_the_ledger() -> None:
    before = State({"champion": "sha256:1", "previous": "sha256:0"}, b"one\n")
    assert before.changes_to(before) == []
    after = State({"champion": "sha256:2", "m2": "sha256:2", "previous": "sha256:0"}, b"one\ntwo\n")
    assert before.changes_to(after) == ["tag champion", "tag m2", "the ledger"]
    assert after.changes_to(before) == ["tag champion", "tag m2", "the ledger"]


def test_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    with pytest.raises(SettingsError, match="found other files"):
        create_site(tmp_path, Settings(), 500)
    assert [path.name for path in tmp_path.rglob("*")] == ["lake"]


def test_scratch_installation_has_nothing_of_the_users_but_tools(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "LAKE": "s3://shop/lake",
        "DEPLOY": "kubernetes://shop/scorer",
        "MORE_REGISTRIES": "registry.example/shop/scorer",
        "REGISTRY": "registry.example",
        "PSEUDONYM_KEY": "the key of the installation, not to be used",
        "PUBLIC_KEYS": "keys.pem",
        "TOOLS": str(ROOT / ".local"),
    }.items():
        monkeypatch.setenv(f"LEAPLINE_{name}", value)
    installed = Settings.load()
    site = create_site(tmp_path, installed, 500)
    try:
        settings = site.settings
        assert settings.tools == installed.tools
        assert [settings.lake, settings.deploy, settings.more_registries, settings.public_keys] == [""] * 4
        assert settings.home.is_relative_to(tmp_path)
        assert settings.landing_dir.is_relative_to(tmp_path)
        assert settings.registry.startswith("127.0.0.1:")
        assert settings.key_bytes() != installed.key_bytes()
        assert site.state() == State({}, b"")
        site.service.restart(read_only=True)
        assert "readonly" in (site.service.folder / "config.yml").read_text()
    finally:
        site.service.stop()
