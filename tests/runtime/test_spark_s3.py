"""Spark reads and writes a real S3 server, and names the cause when it cannot."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from leapline.local.s3_service import LocalS3
from leapline.runtime.spark_cds import ARCHIVE, FEW_EVENTS
from leapline.runtime.spark_s3a import s3a_options
from leapline.settings import Settings
from tests.command import environment
from tests.conftest import ROOT
from tests.fakes.s3_answers import answering
from tests.ports import free_address

pytestmark = [pytest.mark.spark, pytest.mark.timeout(600)]

WITH_MARKER = {"spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "true"}
WRITE_AND_READ = f"""
from pathlib import Path
with spark_session(Settings.load(), "s3-test", {WITH_MARKER!r}) as spark:
    spark.range(1000).repartition(3).write.parquet(argument)
    result["total"] = spark.read.parquet(argument).selectExpr("sum(id)").head()[0]
    beans = spark.sparkContext._jvm.java.lang.management.ManagementFactory
    result["maps"] = Path(f"/proc/{{beans.getRuntimeMXBean().getPid()}}/maps").read_text()
"""
READ_EACH = """
once = {"spark.hadoop.fs.s3a.retry.limit": "0"}
for name, endpoint, bucket in json.loads(argument):
    try:
        extra = once if name == "silent" else {}
        with spark_session(Settings.load(s3_endpoint=endpoint), "s3-test", extra) as spark:
            spark.read.parquet(f"s3a://{bucket}/events")
    except LeaplineError as exc:
        result[name] = [type(exc).__name__, str(exc)]
"""
"""One JVM for all cases. Hadoop keeps the client of a bucket, so each case has a bucket of its own. A service that
never answers is asked without repetition, which takes half a minute."""


def run_program(body: str, argument: str, settings: Settings, env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run a program with a driver of its own; return its dict `result`."""
    program = f"""
import json, sys
from leapline.errors import LeaplineError
from leapline.runtime.spark import spark_session
from leapline.settings import Settings
argument, result = sys.argv[1], {{}}
{body}
print(json.dumps(result))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, argument], env={**os.environ, **environment(settings), **(env or {})},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture
def settings(s3_server: LocalS3, s3_bucket: str, tmp_path: Path) -> Settings:
    return Settings(
        home=tmp_path / "home", lake=f"s3://{s3_bucket}/lake", s3_endpoint=s3_server.endpoint, tools=ROOT / ".local",
        spark_driver_memory="1g", spark_driver_options=FEW_EVENTS,
    )  # fmt: skip


def test_tables_are_written_by_the_magic_committer_and_the_driver_keeps_its_archive(
    s3_server: LocalS3, s3_bucket: str, settings: Settings
) -> None:
    result = run_program(WRITE_AND_READ, f"s3a://{s3_bucket}/table", settings)
    assert result["total"] == 499500
    client = s3_server.client()
    keys = [item["Key"] for item in client.list_objects_v2(Bucket=s3_bucket)["Contents"]]
    assert sum(key.endswith(".parquet") for key in keys) == 3
    assert not [key for key in keys if "__magic" in key]
    marker = json.loads(client.get_object(Bucket=s3_bucket, Key="table/_SUCCESS")["Body"].read())
    assert marker["committer"] == "magic"
    assert "Uploads" not in client.list_multipart_uploads(Bucket=s3_bucket)
    assert str(ROOT / ".local" / ARCHIVE) in result["maps"]


def test_causes_of_failures_are_named_within_a_few_requests(s3_server: LocalS3, settings: Settings) -> None:
    address = free_address()
    with (
        answering(400, "ExpiredToken") as (expired, expired_seen),
        answering(403, "AccessDenied") as (denied, denied_seen),
        answering(200, "none", delay_s=400) as (silent, silent_seen),
    ):
        endpoints = {"unreachable": f"http://{address}", "expired": expired, "denied": denied, "silent": silent}
        cases = [(name, endpoint, f"shop-{name}") for name, endpoint in endpoints.items()]
        cases.append(("missing", s3_server.endpoint, "no-such-bucket"))
        errors = run_program(READ_EACH, json.dumps(cases), settings)
    assert {name: error for name, (error, _) in errors.items()} == {
        "missing": "StorageUnusableError", "unreachable": "StorageError", "silent": "StorageError",
        "expired": "StorageUnusableError", "denied": "StorageUnusableError",
    }  # fmt: skip
    assert "no such bucket" in errors["missing"][1]
    assert f"no answer from http://{address}" in errors["unreachable"][1]
    assert f"no answer from {silent}" in errors["silent"][1]
    assert "credentials that have expired" in errors["expired"][1]
    assert "access denied" in errors["denied"][1]
    assert all("\n" not in text for _, text in errors.values())
    assert max(len(expired_seen), len(denied_seen), len(silent_seen)) <= 4


def test_rejected_secret_is_named(s3_server: LocalS3, s3_bucket: str, settings: Settings) -> None:
    cases = json.dumps([("secret", s3_server.endpoint, s3_bucket)])
    errors = run_program(READ_EACH, cases, settings, {"AWS_SECRET_ACCESS_KEY": "wrong"})
    assert "credentials that the service does not accept" in errors["secret"][1]


def test_options_are_empty_without_a_bucket() -> None:
    assert s3a_options(Settings(s3_endpoint="http://127.0.0.1:9000")) == {}


def test_aws_is_the_default_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    options = s3a_options(Settings(lake="s3://shop/lake"))
    assert options["spark.hadoop.fs.s3a.endpoint.region"] == "eu-west-1"
    assert not {"spark.hadoop.fs.s3a.endpoint", "spark.hadoop.fs.s3a.path.style.access"} & options.keys()
    assert not [name for name in options if "key" in name or "secret" in name]


def test_region_of_the_settings_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    options = s3a_options(
        Settings(lake="s3://shop/lake", s3_region="eu-north-1", s3_endpoint="https://s3.shop.example")
    )
    assert options["spark.hadoop.fs.s3a.endpoint.region"] == "eu-north-1"
    assert options["spark.hadoop.fs.s3a.endpoint"] == "https://s3.shop.example"
    assert options["spark.hadoop.fs.s3a.path.style.access"] == "true"
