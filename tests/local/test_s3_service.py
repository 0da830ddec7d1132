"""The local S3 server: started once, private, its buckets and keys kept across restarts."""

import errno
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from leapline.errors import LocalServiceError, PortTakenError, ToolMissingError
from leapline.local.s3_service import LocalS3
from tests.ports import free_address


@pytest.fixture
def local(s3_server: LocalS3, tmp_path: Path) -> Iterator[LocalS3]:
    service = LocalS3(tmp_path / "an S3 server: #1", s3_server.binary, free_address())
    yield service
    service.stop()


def test_start_is_idempotent_and_stop_reports_whether_it_was_running(local: LocalS3) -> None:
    assert local.stop() is False
    assert local.start() == local.start() == f"http://{local.address}"
    assert local.status().running
    assert local.stop() is True
    assert not local.status().running


def test_objects_and_keys_survive_a_restart_and_a_kill(local: LocalS3) -> None:
    local.start()
    keys = local.credentials
    local.create_bucket("shop")
    local.create_bucket("shop")
    local.client().put_object(Bucket="shop", Key="a/b c+ü", Body=b"events")
    pid = local.status().pid
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    local.start()
    assert local.credentials == keys
    assert local.client().get_object(Bucket="shop", Key="a/b c+ü")["Body"].read() == b"events"


def test_conditional_writes_have_one_winner(local: LocalS3) -> None:
    local.start()
    local.create_bucket("shop")
    client = local.client()
    etag = client.put_object(Bucket="shop", Key="pointer", Body=b"1", IfNoneMatch="*")["ETag"]
    client.put_object(Bucket="shop", Key="pointer", Body=b"2", IfMatch=etag)
    for condition in ({"IfNoneMatch": "*"}, {"IfMatch": etag}):
        with pytest.raises(ClientError, match="PreconditionFailed"):
            client.put_object(Bucket="shop", Key="pointer", Body=b"3", **condition)


def test_environment_is_enough_for_other_clients(
    s3_server: LocalS3, s3_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = boto3.Session().client("s3", endpoint_url=os.environ["LEAPLINE_S3_ENDPOINT"])
    client.put_object(Bucket=s3_bucket, Key="k", Body=b"")
    assert [item["Key"] for item in client.list_objects_v2(Bucket=s3_bucket)["Contents"]] == ["k"]
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        boto3.Session().client("s3", endpoint_url=s3_server.endpoint).list_buckets()


def test_keys_are_private_to_the_owner(local: LocalS3) -> None:
    local.start()
    secret = local.credentials.secret_key
    holders = [path for path in local.folder.iterdir() if path.is_file() and secret in path.read_text()]
    assert [path.name for path in holders] == ["keys.json"]
    assert holders[0].stat().st_mode & 0o077 == 0
    assert secret not in Path(f"/proc/{local.status().pid}/cmdline").read_text()


def test_start_at_another_address_is_rejected(local: LocalS3) -> None:
    local.start()
    with pytest.raises(PortTakenError, match=local.address):
        LocalS3(local.folder, local.binary, free_address()).start()


def test_failing_or_missing_binary_is_reported_with_its_log(local: LocalS3, tmp_path: Path) -> None:
    broken = tmp_path / "versitygw"
    broken.write_text("#!/bin/sh\necho the disk is on fire >&2; exit 1\n")
    broken.chmod(0o755)
    with pytest.raises(LocalServiceError, match="the disk is on fire"):
        LocalS3(local.folder, broken, local.address).start()
    with pytest.raises(ToolMissingError, match=r"scripts/setup\.sh s3"):
        LocalS3(local.folder, tmp_path / "absent", local.address).start()


def test_keys_of_a_server_that_was_never_started_are_reported_missing(local: LocalS3) -> None:
    with pytest.raises(LocalServiceError, match="Start it first"):
        _ = local.credentials


def test_file_system_without_extended_attributes_is_named(local: LocalS3, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(os, "setxattr", refuse)
    with pytest.raises(LocalServiceError, match="without extended attributes.*LEAPLINE_HOME on another file system"):
        local.start()
    assert not local.status().running
