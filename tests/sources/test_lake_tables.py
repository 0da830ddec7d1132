"""Tables of Snowplow's Lake Loader, in folders and in buckets, pass the contract of event sources; only a day's files
of one version are read."""

import hashlib
import itertools
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from leapline.errors import IncompleteDayError, SourceUnusableError, StorageUnusableError
from leapline.local.s3_service import LocalS3
from leapline.runtime.spark_errors import named_spark_errors
from leapline.runtime.spark_jars import FOLDER, listed_jars, table_jars
from leapline.runtime.spark_s3a import s3a_options
from leapline.runtime.spark_tables import table_options
from leapline.settings import TABLE_FORMATS, Settings
from leapline.sources.factory import source_from
from leapline.sources.lake.source import LakeTable, day_rows
from leapline.sources.source import EventSource
from leapline.storage import lake_of
from leapline.synthetic import GeneratorSpec, generate
from tests.conftest import ROOT
from tests.e2e.night import DAY, run_steps, settings_of
from tests.events.lines import line
from tests.fakes.lake_tables import write_table
from tests.fakes.postgres import is_loadable
from tests.sources.contract import OPTIONS, WINDOW, EventSourceContract, at, event_id, event_of, landed_lines

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.lake_tables, pytest.mark.spark]
_names = itertools.count(1)


@pytest.fixture(scope="module")
def spark() -> Iterator["SparkSession"]:
    """A session with both formats and access to buckets; these tests run in a process of their own."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    from pyspark.sql import SparkSession

    tools = Settings(tools=ROOT / ".local")
    paths = [path for name in TABLE_FORMATS for path in table_jars(tools, name)]
    paths += [ROOT / ".local" / FOLDER / jar.name for jar in listed_jars()]
    jars = ",".join(path.as_uri() for path in paths)
    builder = SparkSession.builder.master("local[2]").appName("leapline-tables").config("spark.jars", jars)
    builder = builder.config(map=s3a_options(Settings(lake="s3://any/lake", s3_endpoint="http://127.0.0.1:1")))
    for name in TABLE_FORMATS:
        builder = builder.config(map=table_options(Settings(source=name, source_table="/t")))
    session = (
        builder.config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.memory", "2g")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.databricks.delta.snapshotPartitions", "1")
        .config("spark.sql.session.timeZone", "UTC")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


def source_at(spark: "SparkSession | None", format_: str, folder: Path | str, **settings: Any) -> EventSource:
    values = {"source": format_, "source_table": str(folder), "incomplete_day": "warn"} | settings
    return source_from(Settings.load(**values), OPTIONS.reads, spark)


class LakeTableContract(EventSourceContract):
    """Typed columns, partitioned by the day of loading."""

    days_present = "rows from 2026-03-12 to 2026-03-13"
    missing_error = SourceUnusableError
    format_: ClassVar[str]

    @pytest.fixture(autouse=True)
    def _session(self, spark: "SparkSession") -> None:
        self.session = spark

    def new_table(self, store: Path, lines: Sequence[str]) -> str:
        """Write a table and return its address for the settings."""
        folder = store / f"table{next(_names)}"
        write_table(self.session, self.format_, folder, lines)
        return str(folder)

    def append(self, table: str, lines: Sequence[str]) -> None:
        """Append lines to a table of `new_table`."""
        write_table(self.session, self.format_, table, lines)

    def fill(self, store: Path, batches: Mapping[datetime, Sequence[str]]) -> EventSource:
        table = self.new_table(store, [text for lines in batches.values() for text in lines])
        return source_at(self.session, self.format_, table)

    def missing(self, store: Path) -> EventSource:
        return source_at(self.session, self.format_, store / "nothing")

    def test_reads_only_the_files_of_the_day_in_the_version_that_was_listed(
        self, spark: "SparkSession", tmp_path: Path
    ) -> None:
        table = self.new_table(tmp_path, [line(f"{day}", at(day)) for day in range(1, 13)])
        source = source_at(spark, self.format_, table)
        assert isinstance(source, LakeTable)
        listing = source.list_day(WINDOW)
        self.append(table, [line("later", at(2, 7))])
        rows = source.read(spark, listing.slices).collect()
        assert {event_of(row) for row in rows} == {event_id("2")}
        assert event_id("later") in {
            event_of(row) for row in source.read(spark, source.list_day(WINDOW).slices).collect()
        }
        version = str(listing.facts["source_version"])
        assert version and version != source.list_day(WINDOW).facts["source_version"]
        files = day_rows(source.address.frame(spark, version), listing.slices).inputFiles()
        assert len(files) <= 5 < 12  # arrived from the evening of the 1st to the morning of the 6th

    def test_incomplete_day_is_refused(self, spark: "SparkSession", tmp_path: Path) -> None:
        table = self.new_table(tmp_path, [line("a", at(2, 14))])
        source = source_at(spark, self.format_, table, incomplete_day="fail")
        with pytest.raises(IncompleteDayError, match="newest event is of 2026-03-02 14:00"):
            source.list_day(WINDOW)


class TestDelta(LakeTableContract):
    """Delta."""

    format_ = "delta"

    def test_table_without_a_column_or_of_wrong_type_is_refused(self, spark: "SparkSession", tmp_path: Path) -> None:
        spark.sql("SELECT '2026-03-02' AS collector_tstamp").write.format("delta").save(str(tmp_path / "narrow"))
        with pytest.raises(SourceUnusableError, match="no column .*event_id"):
            source_at(spark, "delta", tmp_path / "narrow").list_day(WINDOW)


class TestIceberg(LakeTableContract):
    """Iceberg."""

    format_ = "iceberg"


class BucketTableContract(LakeTableContract):
    """The same in a bucket, where the loader writes addresses s3://... into the metadata of an Iceberg table."""

    scheme: ClassVar[str]

    @pytest.fixture(autouse=True)
    def _bucket(self, s3_bucket: str) -> None:
        self.bucket = s3_bucket

    @pytest.fixture
    def spark(self, s3_spark: "SparkSession") -> "SparkSession":
        """The session, with the endpoint and the keys of the server."""
        return s3_spark

    def new_table(self, store: Path, lines: Sequence[str]) -> str:
        table = f"s3://{self.bucket}/lake/table{next(_names)}"
        self.append(table, lines)
        return table

    def append(self, table: str, lines: Sequence[str]) -> None:
        write_table(self.session, self.format_, table.replace("s3", self.scheme, 1), lines)

    def missing(self, store: Path) -> EventSource:
        return source_at(self.session, self.format_, f"s3://{self.bucket}/lake/nothing")

    def test_access_that_only_spark_lacks_is_named(self, spark: "SparkSession", tmp_path: Path) -> None:
        table = self.new_table(tmp_path, [line("a", at(2))])
        spark.sparkContext._jsc.hadoopConfiguration().set(f"fs.s3a.bucket.{self.bucket}.secret.key", "wrong")
        spark.sparkContext._jvm.org.apache.hadoop.fs.FileSystem.closeAll()  # they keep the keys of their first use
        settings = Settings.load(source=self.format_, source_table=table)
        expected = pytest.raises(StorageUnusableError, match="found access denied")
        with expected, named_spark_errors(settings):
            source_at(spark, self.format_, table).list_day(WINDOW)


class TestDeltaInBucket(BucketTableContract):
    """Delta in S3."""

    format_, scheme = "delta", "s3a"


class TestIcebergInBucket(BucketTableContract):
    """Iceberg in S3."""

    format_, scheme = "iceberg", "s3"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("format_", TABLE_FORMATS)
def test_step_writes_the_same_files_from_a_folder_and_from_a_bucket(
    s3_spark: "SparkSession", s3_server: LocalS3, s3_bucket: str, tmp_path: Path, format_: str
) -> None:
    generate(tmp_path / "landing", GeneratorSpec(start=DAY - timedelta(days=1), days=2, sessions_per_day=100, broken=0))
    lines = [text for batch in landed_lines(tmp_path / "landing").values() for text in batch if is_loadable(text)]
    tables = {"folder": f"{tmp_path}/table", "bucket": f"s3://{s3_bucket}/lake/table"}
    for table in tables.values():
        write_table(s3_spark, format_, table.replace("s3:", "s3a:"), lines)
    values = {"source": format_, "incomplete_day": "warn", "s3_endpoint": s3_server.endpoint}
    settings = {n: settings_of(tmp_path / n, source_table=table, **values) for n, table in tables.items()}
    installations = [{"home": str(s.home), "source_table": s.source_table} for s in settings.values()]
    run_steps(settings["bucket"], *installations, steps=["extract"])
    folder, bucket = (digests(lake_of(s).current("events", DAY)) for s in settings.values())
    assert folder == bucket
    assert len(folder) == 2


def digests(folder: Path) -> dict[str, str]:
    """Return the digests of the Parquet files of a dataset, whose names contain a random part."""
    files = sorted(folder.rglob("*.parquet"))
    names = (f"{path.parent.name}/{path.name.partition('-')[2][:5]}" for path in files)
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in zip(names, files, strict=True)}
