"""A bucket that cannot be used: one sentence with the cause, within seconds, retried only where that helps."""

import json
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from leapline.errors import SettingsError, StorageError, StorageUnusableError
from leapline.local.s3_service import LocalS3
from leapline.settings import Settings
from leapline.storage import Lake, s3
from leapline.storage.s3 import S3Options, S3Store
from tests.fakes.s3_answers import answering
from tests.ports import free_address

ANSWERS = {
    "access denied": (403, "AccessDenied", "s3:GetObject"),
    "credentials that have expired": (400, "ExpiredToken", "Log in again"),
    "a clock that differs": (403, "RequestTimeTooSkewed", "clock"),
    "a bucket in another region": (400, "AuthorizationHeaderMalformed", "LEAPLINE_S3_REGION"),
    "a service without conditional writes": (501, "NotImplemented", "If-Match"),
}
"""What the message says was found -> the service's answer, as AWS documents it, and a part of the remedy."""


@pytest.mark.parametrize("cause", ANSWERS)
@pytest.mark.parametrize("action", ["get", "list", "put"])
@pytest.mark.usefixtures("s3_bucket")
def test_cause_is_named_and_not_retried(cause: str, action: str) -> None:
    status, code, remedy = ANSWERS[cause]
    with answering(status, code) as (endpoint, seen):
        store = S3Store("s3://shop/lake", S3Options(endpoint, "eu-west-1"))
        with pytest.raises(StorageUnusableError, match=cause) as error:
            list(store.list("x")) if action == "list" else store.get("x") if action == "get" else store.put("x", b"")
    assert remedy in error.value.fix
    assert "as documented" not in str(error.value)
    assert len(seen) == 1 or status >= 500, "the client repeats whatever is the service's fault"


@pytest.mark.parametrize("action", ["get", "list", "scan", "put"])
def test_missing_bucket_is_not_an_empty_one(s3_server: LocalS3, s3_bucket: str, action: str) -> None:
    store = S3Store(f"s3://{s3_bucket}-missing", S3Options(s3_server.endpoint))
    actions = {
        "get": lambda: store.get("x"),
        "list": lambda: list(store.list()),
        "scan": lambda: store.scan(),
        "put": lambda: store.put("x", b""),
    }
    with pytest.raises(StorageUnusableError, match="no such bucket.*Create the bucket"):
        actions[action]()


def test_rejected_secret_is_named(s3_server: LocalS3, s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(StorageUnusableError, match="credentials that the service does not accept"):
        S3Store(f"s3://{s3_bucket}", S3Options(s3_server.endpoint)).get("x")


@pytest.mark.usefixtures("s3_bucket")
def test_unreachable_service_is_named_and_retried() -> None:
    address = free_address()
    with pytest.raises(StorageError, match=f"no answer from http://{address}.*LEAPLINE_S3_ENDPOINT") as error:
        S3Store("s3://shop", S3Options(f"http://{address}")).get("x")
    assert error.value.retriable


@pytest.mark.usefixtures("s3_bucket")
def test_overloaded_service_is_asked_again_before_the_error() -> None:
    with answering(503, "SlowDown") as (endpoint, seen), pytest.raises(StorageError, match="SlowDown") as error:
        S3Store("s3://shop", S3Options(endpoint)).get("x")
    assert error.value.retriable
    assert len(seen) > 3


@pytest.mark.usefixtures("s3_bucket")
def test_http_endpoint_reached_with_https_is_an_error(s3_server: LocalS3) -> None:
    with pytest.raises(StorageUnusableError, match="without TLS.*http://"):
        S3Store("s3://shop", S3Options(s3_server.endpoint.replace("http://", "https://"))).get("x")


def test_missing_credentials_name_the_variables(s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(SettingsError, match=r"credentials for S3: found none.*AWS_ACCESS_KEY_ID"):
        Lake(S3Store(f"s3://{s3_bucket}")).days("events")


@pytest.mark.parametrize("address", ["gs://shop/lake", "abfss://c@shop/lake", "/data/lake", "s3://Shop/lake", "s3://"])
def test_lake_at_another_kind_of_address_is_rejected_by_name(address: str) -> None:
    with pytest.raises(SettingsError, match="s3://bucket/prefix"):
        Settings.load(lake=address)


def test_home_in_a_bucket_names_the_setting_for_it() -> None:
    with pytest.raises(SettingsError, match="LEAPLINE_LAKE"):
        Settings.load(home="s3://shop/lake")


def test_stalled_service_is_an_error_that_is_retried(s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "READ_TIMEOUT", timedelta(seconds=0.3))
    monkeypatch.setattr(s3, "RETRY_TIMEOUT", timedelta(seconds=1))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = S3Store(f"s3://{s3_bucket}", S3Options(f"http://127.0.0.1:{silent.getsockname()[1]}"))
        with pytest.raises(StorageError, match="no answer from") as error:
            store.get("x")
    assert error.value.retriable


def test_credentials_are_renewed_while_a_step_runs(
    s3_server: LocalS3, s3_bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A profile's process returns credentials that have expired meanwhile, and then new ones."""
    keys, process = tmp_path / "keys.json", tmp_path / "config"
    process.write_text(f"[default]\ncredential_process = cat {keys}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(process))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setattr(s3, "CREDENTIALS_TTL", timedelta(seconds=0))

    def issue(secret: str) -> None:
        expiry = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
        content = {"Version": 1, "AccessKeyId": s3_server.credentials.access_key, "SecretAccessKey": secret}
        keys.write_text(json.dumps(content | {"Expiration": expiry}))

    issue("expired")
    store = S3Store(f"s3://{s3_bucket}", S3Options(s3_server.endpoint))
    with pytest.raises(StorageUnusableError, match="credentials"):
        store.put("x", b"1")
    issue(s3_server.credentials.secret_key)
    store.put("x", b"1")
    assert store.get("x") is not None
