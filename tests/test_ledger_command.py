"""`leapline ledger verify` and `accept`, on a registry and a lake with a signing key."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from leapline.deployment.factory import ledger_of, registry
from leapline.deployment.signatures import sign_image
from leapline.errors import SettingsError
from leapline.promotion.ledger import HEAD, KEY
from leapline.serving.layout import index_digest
from leapline.settings import Settings
from leapline.signing.keys import SigningKey
from leapline.storage import Lake
from tests.command import leapline
from tests.conftest import ROOT
from tests.lakes import make_champion, record_model
from tests.ports import free_address
from tests.serving.conftest import MakeImage, crane, make_image, registry_address, registry_binary, repository
from tests.test_cli import terminal

__all__ = ["crane", "make_image", "registry_address", "registry_binary", "repository"]
MODELS = ("2026-03-01-0123456789ab", "2026-03-02-0123456789ab")


@dataclass(frozen=True)
class Installed:
    """An installation whose two models were promoted, and their digests."""

    settings: Settings
    one: str
    two: str


@pytest.fixture
def installed(tmp_path: Path, registry_address: str, repository: str, make_image: MakeImage) -> Installed:
    key = SigningKey.generate(ed25519_key=True)
    (tmp_path / "key.pem").write_text(key.pem())
    settings = Settings.load(
        home=tmp_path / "lake", tools=ROOT / ".local", registry=registry_address, repository=repository,
        signing_key_file=tmp_path / "key.pem",
    )  # fmt: skip
    digests = []
    for model_id in MODELS:
        image = make_image(model_id, model_id=model_id, day=model_id[:10])
        registry(settings).push(image, model_id)
        sign_image(registry(settings), index_digest(image), {}, key)
        record_model(Lake(settings.home), model_id, index_digest(image))
        make_champion(settings, index_digest(image))
        digests.append(index_digest(image))
    return Installed(settings, *digests)


def problems(settings: Settings, *options: str) -> list[str]:
    """The kinds of the problems, and the exit code that goes with them."""
    shown = terminal(settings, 120, "ledger", "verify", "--json", *options)
    report = json.loads(shown.stdout)
    assert report["ok"] is (not report["problems"])
    assert shown.exit_code == (0 if report["ok"] else 1)
    return [problem["kind"] for problem in report["problems"]]


def test_sound_ledger_is_reported_with_its_head(installed: Installed) -> None:
    shown = terminal(installed.settings, 120, "ledger", "verify")
    assert shown.exit_code == 0, shown.stderr
    assert "2 entries, 2 of them linked, lake " in shown.stdout
    assert "head 2@sha256:" in shown.stdout
    assert "verified" in shown.stdout
    assert f"champion of {installed.settings.image}: {installed.two}" in shown.stdout
    assert shown.stdout.rstrip().endswith("The ledger is sound.")


def test_damage_is_reported_with_exit_code_1(installed: Installed) -> None:
    path = installed.settings.home / KEY
    path.write_bytes(path.read_bytes().replace(b'"why":"test"', b'"why":"tEst"', 1))
    shown = terminal(installed.settings, 120, "ledger", "verify")
    assert shown.exit_code == 1
    assert "broken link" in shown.stderr
    assert "line 2" in shown.stderr
    assert problems(installed.settings) == ["broken link"]


def test_truncation_unknown_key_and_missing_signature_are_distinguished(installed: Installed, tmp_path: Path) -> None:
    settings = installed.settings
    content = (settings.home / KEY).read_bytes()
    (settings.home / KEY).write_bytes(b"")
    assert problems(settings, "--offline") == ["truncated"]
    (settings.home / KEY).write_bytes(content)
    (tmp_path / "other.pem").write_text(SigningKey.generate().pem())
    other = settings.model_copy(update={"signing_key_file": tmp_path / "other.pem"})
    assert problems(other, "--offline") == ["bad signature"]
    assert problems(settings.model_copy(update={"signing_key_file": None}), "--offline") == []
    assert problems(settings.model_copy(update={"signing_key_file": None, "signing": "required"}), "--offline") == [
        "bad signature"
    ]


def test_head_noted_outside_of_the_lake_reveals_an_older_ledger(installed: Installed, make_image: MakeImage) -> None:
    settings = installed.settings
    old = {name: (settings.home / name).read_bytes() for name in (KEY, HEAD)}
    make_champion(settings, installed.one)
    head = leapline(settings, "ledger", "verify")["head"]
    noted = f"{head['sequence']}@{head['digest']}"
    assert problems(settings, "--expect", noted) == []
    for name, content in old.items():
        (settings.home / name).write_bytes(content)
    assert problems(settings, "--offline") == []
    assert problems(settings, "--offline", "--expect", noted) == ["other history"]
    assert problems(settings) == ["contradiction"]
    with pytest.raises(SettingsError, match="--expect"):
        leapline(settings, "ledger", "verify", "--expect", "3")


def test_registry_that_does_not_answer_is_reported(installed: Installed) -> None:
    gone = installed.settings.model_copy(update={"registry": free_address()})
    assert problems(gone) == ["registry not compared"]
    assert problems(gone, "--offline") == []


def test_contradiction_is_shown_by_models_and_ends_with_an_acceptance(installed: Installed) -> None:
    settings = installed.settings
    registry(settings).tag(installed.one, "champion")
    assert problems(settings) == ["contradiction"]
    assert "contradict each other" in terminal(settings, 120, "models").stderr
    done = leapline(settings, "ledger", "accept", "--why", "an emergency", "--who", "Ada")
    assert (done["champion"], done["left"], len(done["accepted"])) == (installed.one, "", 1)
    assert problems(settings) == []
    assert "contradict" not in terminal(settings, 120, "models").stderr
    last = ledger_of(settings).checked_entries()[-1]
    assert (last.action, last.who, last.after) == ("accept", "Ada", installed.one)
    assert "accept" in terminal(settings, 120, "ledger").stdout
    assert leapline(settings, "ledger")[-1]["who"] == "Ada"
