"""AWS credentials of the tasks come from an Airflow connection, which Airflow's provider resolves."""

import json
import os
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from leapline.errors import SettingsError, StorageError
from leapline.local.s3_service import LocalS3
from leapline.orchestration.aws_login import aws_login, aws_variables
from leapline.settings import Settings
from leapline.storage.s3 import S3Options, S3Store

SETTINGS = Settings(aws_connection="shop_aws")


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def define(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    connection = {"conn_type": "aws", "login": "AKIAEXAMPLE", "password": "s3cr/et"} | fields
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_AWS", json.dumps(connection))


def test_keys_and_region_are_set_while_the_task_works(monkeypatch: pytest.MonkeyPatch) -> None:
    define(monkeypatch, extra={"region_name": "eu-west-1"})
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of another login")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    with aws_login(SETTINGS):
        assert os.environ["AWS_ACCESS_KEY_ID"] == "AKIAEXAMPLE"
        assert os.environ["AWS_SECRET_ACCESS_KEY"] == "s3cr/et"
        assert os.environ["AWS_REGION"] == os.environ["AWS_DEFAULT_REGION"] == "eu-west-1"
        assert "AWS_SESSION_TOKEN" not in os.environ
    assert os.environ["AWS_SESSION_TOKEN"] == "of another login"
    assert os.environ["AWS_REGION"] == "us-east-1"
    assert "AWS_ACCESS_KEY_ID" not in os.environ


def test_role_of_the_connection_is_assumed(monkeypatch: pytest.MonkeyPatch) -> None:
    role = "arn:aws:iam::123456789012:role/leapline"
    define(monkeypatch, extra={"region_name": "eu-west-1", "role_arn": role})
    with mock_aws(), aws_login(SETTINGS):
        assert os.environ["AWS_ACCESS_KEY_ID"] != "AKIAEXAMPLE"
        assert os.environ["AWS_SESSION_TOKEN"]
        assert boto3.Session().client("sts").get_caller_identity()["Arn"].startswith(role.replace("iam", "sts")[:20])


def test_bucket_is_read_and_written_with_the_keys_of_the_connection(
    s3_server: LocalS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3_server.create_bucket("by-connection")
    keys = s3_server.credentials
    define(monkeypatch, login=keys.access_key, password=keys.secret_key, extra={"region_name": "us-east-1"})
    with aws_login(SETTINGS):
        store = S3Store("s3://by-connection/lake", S3Options(s3_server.endpoint))
        store.put("a", b"content")
        stored = store.get("a")
    assert stored is not None
    assert stored.content == b"content"


def test_connection_without_keys_uses_those_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    define(monkeypatch, login=None, password=None)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAMACHINE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    assert aws_variables("shop_aws")["AWS_ACCESS_KEY_ID"] == "AKIAMACHINE"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"conn_type": "postgres"}, "found type postgres; expected type Amazon Web Services"),
        ({"login": None, "password": None}, "found no credentials, and none on this machine"),
        ({"extra": {"profile_name": "nosuch"}, "login": None, "password": None}, "nosuch"),
    ],
)
def test_unusable_connection_is_named(fields: dict[str, Any], problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    define(monkeypatch, **fields)
    with pytest.raises(SettingsError, match=problem) as error:
        aws_variables("shop_aws")
    assert str(error.value).startswith("Airflow's connection shop_aws (LEAPLINE_AWS_CONNECTION): ")
    assert "s3cr/et" not in str(error.value)


def test_missing_connection_is_named_instead_of_using_other_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAMACHINE")
    with pytest.raises(SettingsError, match="found no such connection"), aws_login(SETTINGS):
        pass


def test_service_that_does_not_answer_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    define(monkeypatch, extra={"region_name": "eu-west-1", "role_arn": "arn:aws:iam::123456789012:role/leapline"})
    with pytest.raises(StorageError, match="Check the network") as error:
        aws_variables("shop_aws")
    assert error.value.retriable
