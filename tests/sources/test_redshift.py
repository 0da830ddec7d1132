"""An events table in Redshift passes the contract of event sources; its exports are verified and removed."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from leapline.errors import BalanceError, SettingsError, SourceError, SourceUnusableError
from leapline.settings import Settings
from leapline.sources.factory import source_from
from leapline.sources.source import EventSource
from leapline.storage import lake_of
from tests.events.lines import line
from tests.fakes.postgres import WITHOUT_JSON, create_table, load
from tests.fakes.redshift import FakeRedshift
from tests.sources.contract import WINDOW, LineSourceContract, at

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ADDRESS = "redshift://shop-dwh/snowplow?user=leapline"


def settings_of(bucket: str, **settings: Any) -> Settings:
    values = {"source": ADDRESS, "lake": f"s3://{bucket}/lake", "incomplete_day": "warn"} | settings
    return Settings.load(**values)


def fill(redshift: FakeRedshift, lines: Sequence[str]) -> None:
    create_table(redshift.database)
    load(redshift.database, lines)


def exported(bucket: str) -> list[str]:
    return [item.key for item in lake_of(settings_of(bucket)).store.list("source-exports")]


class TestAtomicEvents(LineSourceContract):
    """131 columns. Redshift's usual table has no columns of JSON, but views may add them."""

    days_present = "rows from 2026-03-12 to 2026-03-13"
    missing_error = SourceUnusableError

    @pytest.fixture(autouse=True)
    def _cluster(self, redshift: FakeRedshift, s3_bucket: str) -> None:
        self.redshift, self.bucket = redshift, s3_bucket

    @pytest.fixture
    def spark(self, s3_spark: "SparkSession") -> "SparkSession":
        """The session of the contract's tests."""
        return s3_spark

    def fill(self, store: Path, batches: Mapping[datetime, Sequence[str]]) -> EventSource:
        fill(self.redshift, [text for lines in batches.values() for text in lines])
        return source_from(settings_of(self.bucket))

    def missing(self, store: Path) -> EventSource:
        return source_from(settings_of(self.bucket))


@pytest.mark.spark
def test_export_is_one_transaction_with_the_role_and_is_removed(
    s3_spark: "SparkSession", redshift: FakeRedshift, s3_bucket: str
) -> None:
    fill(redshift, [line(f"{n}", at(2, 5)) for n in range(450)])
    role = "arn:aws:iam::123456789012:role/export"
    with closing(source_from(settings_of(s3_bucket, source_role=role))) as source:
        slices = source.list_day(WINDOW).slices
        rows = source.read(s3_spark, slices).collect()
        lines = [sum(row["slice"] == number for row in rows) for number in range(len(slices))]
        source.require_unchanged(slices, lines)
        with pytest.raises(BalanceError, match="0 lines read; expected 450"):
            source.require_unchanged(slices, [0] * len(slices))
        assert sum(key.endswith(".zst") for key in exported(s3_bucket)) == 3
    assert exported(s3_bucket) == []
    (batch,) = [
        request for operation, request in redshift.requests
        if operation == "BatchExecuteStatement" and "UNLOAD" in request["Sqls"][-1]
    ]  # fmt: skip
    assert batch["ClusterIdentifier"] == "shop-dwh"
    assert (batch["Database"], batch["DbUser"]) == ("snowplow", "leapline")
    assert all(f"IAM_ROLE '{role}'" in sql for sql in batch["Sqls"] if sql.startswith("UNLOAD"))


@pytest.mark.spark
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("missing", "found 0 files with 0 bytes; expected the 1 files of its manifest"),
        ("additional", "found 2 files .*; expected the 1 files of its manifest"),
        ("no manifest", "found 1 files .*; expected the 0 files of its manifest"),
        ("nothing", "found 0 rows in its manifests; expected 1, as the database has counted"),
    ],
)
def test_export_that_differs_from_its_manifest_is_refused(
    damage: str, message: str, s3_spark: "SparkSession", redshift: FakeRedshift, s3_bucket: str
) -> None:
    def change(bucket: str, prefix: str) -> None:
        keys = [item["Key"] for item in redshift.s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ())]
        if keys and damage == "additional":
            redshift.s3.put_object(Bucket=bucket, Key=f"{prefix}9999_part_00.zst", Body=b"x")
        for key in keys:
            kind = "no manifest" if key.endswith("manifest") else "missing"
            if damage in (kind, "nothing"):
                redshift.s3.delete_object(Bucket=bucket, Key=key)

    fill(redshift, [line("a", at(2, 5))])
    redshift.after_unload = change
    source = source_from(settings_of(s3_bucket))
    with pytest.raises(BalanceError, match=message) as error:
        source.read(s3_spark, source.list_day(WINDOW).slices)
    assert error.value.retriable
    assert exported(s3_bucket) == []


def test_serverless_workgroup_and_secret_are_addressed(redshift: FakeRedshift, s3_bucket: str) -> None:
    create_table(redshift.database, columns=WITHOUT_JSON)
    load(redshift.database, [line("a", at(2))], columns=WITHOUT_JSON)
    secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:dwh-a1"
    listing = source_from(settings_of(s3_bucket, source=f"redshift-serverless://shop/dev?secret={secret}")).list_day(
        WINDOW
    )
    request = redshift.requests[0][1]
    assert (request["WorkgroupName"], request["SecretArn"]) == ("shop", secret)
    assert "has no contexts, unstruct_event, derived_contexts" in listing.warnings[0]


def test_lake_in_a_folder_is_refused(redshift: FakeRedshift, s3_bucket: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="because Redshift exports the day's events into it"):
        source_from(settings_of(s3_bucket, lake=None, home=tmp_path)).list_day(WINDOW)


@pytest.mark.parametrize(
    ("error", "message", "retriable"),
    [
        ("ERROR: permission denied for relation events", "permission denied for relation events; .* GRANT", False),
        ("ERROR: User arn:aws:redshift:eu:1:dbuser:c/u is not authorized to assume IAM Role arn:aws:iam::1:role/x",
         "not authorized to assume; .*LEAPLINE_SOURCE_ROLE", False),
        ("ERROR: S3ServiceException:Access Denied,Status 403,Error AccessDenied,Rid 1", "s3:PutObject", False),
        ("ERROR: S3ServiceException:The bucket is in this region: us-1,Status 301", "in the cluster's region", False),
        ("ERROR: Query (1) cancelled on user's request", "cancelled on user's request; .*tries again", True),
    ],
)  # fmt: skip
def test_failed_statement_is_named(
    error: str, message: str, retriable: bool, redshift: FakeRedshift, s3_bucket: str
) -> None:
    redshift.error = error
    with pytest.raises(SourceError, match=message) as raised:
        source_from(settings_of(s3_bucket)).list_day(WINDOW)
    assert raised.value.retriable is retriable


@pytest.mark.parametrize(
    ("rejection", "message"),
    [
        (("AccessDeniedException", "User is not authorized to perform redshift-data:ExecuteStatement"),
         "found AccessDeniedException: User is not .*; expected credentials that may use the Data API"),
        (("ValidationException", "Redshift endpoint doesn't exist in this region."),
         "found Redshift endpoint doesn't exist in this region.; expected a cluster or workgroup of this region"),
    ],
)  # fmt: skip
def test_rejected_request_is_named(
    rejection: tuple[str, str], message: str, redshift: FakeRedshift, s3_bucket: str
) -> None:
    redshift.rejection = rejection
    with pytest.raises(SourceUnusableError, match=message):
        source_from(settings_of(s3_bucket)).list_day(WINDOW)
