"""The signing key comes from an Airflow connection, and reaches neither environments nor programs nor reports."""

import json
import os
from types import SimpleNamespace
from typing import Any

import pytest

from leapline.errors import SettingsError
from leapline.orchestration.logins import logins
from leapline.orchestration.operators import Step
from leapline.orchestration.signing_login import SIGNS, with_signing_key
from leapline.settings import Settings
from leapline.signing.key_ring import key_ring
from leapline.signing.keys import SigningKey, public_keys_from_pem

KEY = SigningKey.generate()
BODY = KEY.pem().splitlines()[1]


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    connection = {"conn_type": "generic", "password": KEY.pem()}
    monkeypatch.setenv("AIRFLOW_CONN_SIGNER", json.dumps(connection))
    return Settings(signing_connection="signer")


@pytest.mark.parametrize("step", sorted(SIGNS))
def test_tasks_that_sign_or_verify_get_the_key_in_their_settings(settings: Settings, step: str) -> None:
    with logins(settings, step):
        assert key_ring(with_signing_key(settings, step)).signing_key() is not None
        assert not [name for name, value in os.environ.items() if BODY in value and name != "AIRFLOW_CONN_SIGNER"]


@pytest.mark.parametrize("step", ["extract", "train", "late"])
def test_other_tasks_do_not_get_the_key(settings: Settings, step: str) -> None:
    assert with_signing_key(settings, step) is settings


def test_program_that_verifies_gets_the_public_keys_only(settings: Settings) -> None:
    former = SigningKey.generate().public
    with logins(settings.model_copy(update={"public_keys": former.pem}), "evaluate"):
        assert public_keys_from_pem(os.environ["LEAPLINE_PUBLIC_KEYS"]) == [KEY.public, former]
        assert key_ring(Settings.load(signing_connection="signer")).accepted == (KEY.public, former)
        assert "LEAPLINE_SIGNING_KEY" not in os.environ
    assert "LEAPLINE_PUBLIC_KEYS" not in os.environ


def test_step_uses_the_key_and_returns_nothing_of_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Any
) -> None:
    monkeypatch.setenv("LEAPLINE_SIGNING_CONNECTION", "signer")
    monkeypatch.setenv("LEAPLINE_HOME", str(tmp_path))
    used = []

    class Signing(Step):
        def step_function(self) -> Any:
            def function(settings: Settings, context: Any) -> dict[str, Any]:
                used.append(key_ring(settings).signing_key())
                return {"passed": True}

            return function

    resolved = {"day": "2026-03-01", "overrides": {}, "backfill": False, "host": None}
    ti = SimpleNamespace(xcom_pull=lambda task_ids: resolved)
    result = Signing(step="package").execute({"ti": ti, "run_id": "r"})  # type: ignore[typeddict-item]
    assert used[0] is not None and used[0].public == KEY.public
    written = "".join(path.read_text() for path in tmp_path.rglob("*.json"))
    assert BODY not in json.dumps(result) + caplog.text + written


@pytest.mark.parametrize(
    ("connection", "found"),
    [(None, "no such connection"), ({"conn_type": "generic"}, "no password")],
)
def test_unusable_connection_is_named(connection: Any, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if connection:
        monkeypatch.setenv("AIRFLOW_CONN_ABSENT", json.dumps(connection))
    with pytest.raises(SettingsError, match=f"connection absent \\(LEAPLINE_SIGNING_CONNECTION\\): found {found}"):
        with_signing_key(Settings(signing_connection="absent"), "publish")


def test_command_line_does_not_skip_verification_silently(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="found a key that only tasks of Airflow can read"):
        key_ring(settings)
