"""Fixtures of a real S3 server (versitygw) on loopback: one per test worker, with a bucket of its own for each test."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest

from leapline.local.s3_service import LocalS3
from leapline.runtime.spark_s3a import s3a_options
from leapline.settings import Settings
from tests.ports import free_address

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROOT = Path(__file__).resolve().parents[2]
_buckets = itertools.count(1)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalS3]:
    """A running server. Without its binary the test fails, and the error contains the command that installs it."""
    server = LocalS3(tmp_path_factory.mktemp("s3"), ROOT / ".local" / "bin" / "versitygw", free_address())
    server.start()
    yield server
    server.stop()


@pytest.fixture
def s3_spark(spark: "SparkSession", s3_server: LocalS3, s3_bucket: str) -> "SparkSession":
    """The tests' Spark session, with access to the server."""
    settings = Settings(lake=f"s3://{s3_bucket}/lake", s3_endpoint=s3_server.endpoint)
    keys = s3_server.credentials
    login = {"spark.hadoop.fs.s3a.access.key": keys.access_key, "spark.hadoop.fs.s3a.secret.key": keys.secret_key}
    hadoop = spark.sparkContext._jsc.hadoopConfiguration()
    for name, value in (s3a_options(settings) | login).items():
        if name.startswith("spark.hadoop.fs.s3a."):
            hadoop.set(name.removeprefix("spark.hadoop."), value)
    return spark


@pytest.fixture
def s3_bucket(s3_server: LocalS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a new bucket; endpoint, region and credentials are in the environment, and no others."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "no such file"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the credentials of its first use
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    bucket = f"test-{next(_buckets)}"
    s3_server.create_bucket(bucket)
    return bucket
