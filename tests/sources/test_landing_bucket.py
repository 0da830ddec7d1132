"""Landing buckets pass the contract of event sources, and are listed along the dates in their keys."""

import gzip
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from leapline.errors import InputError, NoEventsError, SourceChangedError, StorageUnusableError
from leapline.local.s3_service import LocalS3
from leapline.settings import Settings
from leapline.sources.factory import source_from
from leapline.sources.landed.landing import Landing
from leapline.sources.landed.layout import compile_pattern
from leapline.sources.source import DayWindow, EventSource
from leapline.storage.factory import store_at
from leapline.storage.s3 import S3Options, S3Store
from leapline.storage.store import Item, Level
from tests.sources.contract import WINDOW, FileSourceContract

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class CountingStore(S3Store):
    """A bucket that counts its listings and the entries in them."""

    def __init__(self, address: str, options: S3Options) -> None:
        super().__init__(address, options)
        self.scanned: list[str] = []
        self.listed = 0

    def scan(self, prefix: str = "") -> Level:
        self.scanned.append(prefix)
        level = super().scan(prefix)
        self.listed += len(level.folders) + len(level.items)
        return level

    def list(self, prefix: str = "") -> Iterator[Item]:
        self.scanned.append(f"{prefix}/**")
        for item in super().list(prefix):
            self.listed += 1
            yield item


@pytest.fixture
def store(s3_bucket: str) -> CountingStore:
    settings = Settings.load()
    return CountingStore(f"s3://{s3_bucket}/enriched/good", S3Options(settings.s3_endpoint, settings.s3_region))


def fill(store: S3Store, *names: str) -> None:
    for name in names:
        store.put(name, b"a\tb\n")


def names(source: Landing, window: DayWindow = WINDOW) -> list[str]:
    return [item.name for item in source.list_day(window).slices]


class TestRunFolders(FileSourceContract):
    """`run=YYYY-MM-DD-HH-MM-SS/part-*`, gzip, in a bucket."""

    @pytest.fixture(autouse=True)
    def _bucket(self, s3_bucket: str) -> None:
        self.bucket = s3_bucket

    @pytest.fixture
    def spark(self, s3_spark: "SparkSession") -> "SparkSession":
        """The session of the contract's tests."""
        return s3_spark

    def fill(self, store: Path, batches: Mapping[datetime, Sequence[str]]) -> EventSource:
        target = store_at(f"s3://{self.bucket}/good", Settings.load())
        for when, lines in batches.items():
            content = gzip.compress("".join(f"{text}\n" for text in lines).encode())
            target.put(f"run={when:%Y-%m-%d-%H-%M-%S}/part-00000.gz", content)
        return source_from(Settings.load(landing=f"s3://{self.bucket}/good"))

    def missing(self, store: Path) -> EventSource:
        return source_from(Settings.load(landing=f"s3://{self.bucket}/nothing"))


def test_other_days_are_not_looked_into(store: CountingStore) -> None:
    first = date(2026, 1, 1)
    runs = [f"run={first + timedelta(days=n)}-{hour:02d}-00-00" for n in range(120) for hour in (6, 18)]
    fill(store, *(f"{run}/part-{n}" for run in runs for n in range(2)))
    listed = names(Landing([store]))
    assert listed[0] == "run=2026-03-01-18-00-00/part-0"
    assert listed[-1] == "run=2026-03-06-06-00-00/part-1"
    assert len(listed) == 20
    assert store.listed == 240 + 20, "the runs by name, and the files of ten of them"


def test_year_and_month_folders_are_entered_by_date(store: CountingStore) -> None:
    fill(store, *(f"{year}/{month:02d}/{day:02d}/part-0" for year in (2024, 2025, 2026) for month in range(1, 13)
                  for day in (1, 2, 3, 28)))  # fmt: skip
    assert names(Landing([store])) == [f"2026/{day}/part-0" for day in ("02/28", "03/01", "03/02", "03/03", "03/28")]
    assert "2024" not in store.scanned
    assert "2026/05" not in store.scanned


def test_site_pattern_is_followed_by_date(store: CountingStore) -> None:
    fill(store, *(f"eu/{year}{month:02d}/events-{year}{month:02d}02.tsv" for year in (2024, 2025, 2026)
                  for month in range(1, 13)))  # fmt: skip
    source = Landing([store], compile_pattern("*/{yyyy}{MM}/events-*{dd}.tsv"))
    assert "eu/202603/events-20260302.tsv" in names(source)
    assert "eu/202508" not in store.scanned


def test_flat_files_and_several_prefixes_are_read_together(s3_bucket: str) -> None:
    settings = Settings.load(landing=f"s3://{s3_bucket}/web/, s3a://{s3_bucket}/app")
    fill(store_at(f"s3://{s3_bucket}/web", settings), "2026-03-02-060000-a", "_SUCCESS", "notes.txt")
    fill(store_at(f"s3://{s3_bucket}/app", settings), "date=2026-03-02/x", "run=2026-02-30-04-00-00/part-0")
    listing = source_from(settings).list_day(WINDOW)
    assert [item.name for item in listing.slices] == [
        f"s3://{s3_bucket}/app/date=2026-03-02/x", f"s3://{s3_bucket}/web/2026-03-02-060000-a",
    ]  # fmt: skip
    assert {entry.name.rpartition("/")[2] for entry in listing.ignored} == {"notes.txt", "part-0"}


def test_prefix_that_is_one_level_too_high_names_the_right_one(s3_bucket: str) -> None:
    settings = Settings.load(landing=f"s3://{s3_bucket}")
    fill(store_at(f"s3://{s3_bucket}/enriched/good", settings), "run=2026-03-02-04-00-00/part-0")
    with pytest.raises(InputError, match=f"LEAPLINE_LANDING to .* such as s3://{s3_bucket}/enriched/good"):
        source_from(settings).list_day(WINDOW)


def test_missing_day_names_the_days_that_are_there(store: CountingStore) -> None:
    fill(store, "run=2026-03-20-04-00-00/part-0", "run=2026-03-21-04-00-00/part-0")
    with pytest.raises(NoEventsError, match="runs and files of 2026-03-20, 2026-03-21"):
        Landing([store]).list_day(WINDOW)


def test_missing_bucket_is_not_a_day_without_events(s3_bucket: str) -> None:
    with pytest.raises(StorageUnusableError, match="no such bucket"):
        source_from(Settings.load(landing=f"s3://{s3_bucket}-missing/good")).list_day(WINDOW)


@pytest.mark.spark
def test_gzip_without_extension_and_names_with_special_characters_are_read(
    s3_spark: "SparkSession", s3_bucket: str
) -> None:
    settings = Settings.load(landing=f"s3://{s3_bucket}/good", lake=f"s3://{s3_bucket}/lake")
    target = store_at(f"s3://{s3_bucket}/good", settings)
    target.put("run=2026-03-02-04-00-00/part-0", gzip.compress(b"packed\tone\n"))
    target.put("run=2026-03-02-05-00-00/part {1}*?.gz", gzip.compress(b"packed\ttwo\n"))
    target.put("run=2026-03-02-06-00-00/wrong.gz", b"plain\tthree\n")
    source = source_from(settings)
    slices = source.list_day(WINDOW).slices
    rows = {(row["line"], row["slice"]) for row in source.read(s3_spark, slices).collect()}
    assert rows == {("packed\tone", 0), ("packed\ttwo", 1), ("plain\tthree", 2)}


def test_folder_markers_of_other_tools_are_neither_read_nor_reported(s3_server: LocalS3, s3_bucket: str) -> None:
    client, run = s3_server.client(), "good/run=2026-03-02-04-00-00/"
    for key in ("good/", run, f"{run}part-0", "good/run=2026-03-02-05-00-00/", "good/2026/", "good/2026/03/"):
        client.put_object(Bucket=s3_bucket, Key=key, Body=b"a\tb\n" * key.endswith("0"))
    listing = source_from(Settings.load(landing=f"s3://{s3_bucket}/good")).list_day(WINDOW)
    assert [item.name for item in listing.slices] == ["run=2026-03-02-04-00-00/part-0"]
    assert listing.ignored == ()


@pytest.mark.parametrize("change", ["replaced", "removed"])
def test_file_that_changes_while_it_is_read_is_named(s3_bucket: str, change: str) -> None:
    settings = Settings.load(landing=f"s3://{s3_bucket}/good")
    target = store_at(f"s3://{s3_bucket}/good", settings)
    fill(target, "run=2026-03-02-04-00-00/part-0", "run=2026-03-02-04-00-00/part-1")
    source = source_from(settings)
    slices = source.list_day(WINDOW).slices
    source.require_unchanged(slices, [1, 1])
    if change == "replaced":
        target.put("run=2026-03-02-04-00-00/part-1", b"another\tline\n")
    else:
        target.delete("run=2026-03-02-04-00-00/part-1")
    with pytest.raises(SourceChangedError, match=f"part-1: found {change} while it was read") as error:
        source.require_unchanged(slices, [1, 1])
    assert error.value.retriable
