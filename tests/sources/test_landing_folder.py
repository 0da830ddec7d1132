"""The landing folder passes the contract of event sources, in each layout, and names files that cannot be read."""

import bz2
import gzip
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from leapline.errors import InputError, NoEventsError, SettingsError
from leapline.events.clean import CleanOptions, cleaned_day
from leapline.settings import Settings
from leapline.sources.factory import source_from
from leapline.sources.landed.landing import LandingFolder
from leapline.sources.landed.layout import compile_pattern
from leapline.sources.source import EventSource
from tests.events.lines import DAY, KEY, at, land, line
from tests.sources.contract import WINDOW, FileSourceContract

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class TestRunFolders(FileSourceContract):
    """`run=YYYY-MM-DD-HH-MM-SS/part-*`, gzip: the form with which the others are compared."""

    test_clean_events_equal_those_of_a_landing_folder = None

    def fill(self, store: Path, batches: Mapping[datetime, Sequence[str]]) -> EventSource:
        for when, lines in batches.items():
            land(store, lines, run=f"{when:%Y-%m-%d-%H-%M-%S}")
        return LandingFolder(store)

    def missing(self, store: Path) -> EventSource:
        return LandingFolder(store / "nowhere")


class TestFlatFiles(FileSourceContract):
    """`yyyy-MM-dd-HHmmss-*`, plain text."""

    def fill(self, store: Path, batches: Mapping[datetime, Sequence[str]]) -> EventSource:
        for when, lines in batches.items():
            (store / f"{when:%Y-%m-%d-%H%M%S}-e9f4").write_text("".join(f"{text}\n" for text in lines))
        return LandingFolder(store)

    def missing(self, store: Path) -> EventSource:
        return LandingFolder(store / "nowhere")


def touch(landing: Path, *names: str) -> None:
    for name in names:
        path = landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def test_lists_every_layout_without_markers_and_reports_the_rest(tmp_path: Path) -> None:
    events = ["run=2026-03-02-04-00-00/part-00000.gz", "run=2026-03-02-04-00-00/part-00001-c000.txt",
              "2026-03-02-050000-e9f4.gz", "2026-03-02-051500-495601-495699.gz", "date=2026-03-03/part-0",
              "2026/03/04/part-0"]  # fmt: skip
    markers = ["run=2026-03-02-04-00-00/_SUCCESS", "run=2026-03-02-04-00-00/.part-00000.gz.crc",
               "_truth/date=2026-03-02", "run=2026-03-02-04-00-00_$folder$", "_source.json",
               "run=2026-03-02-04-00-00/_temporary/0/part-00000", ".2026-03-02-050000-e9f4.gz",
               "run=2026-03-02-04-00-00/shredding_complete.json"]  # fmt: skip
    unknown = ["notes.txt", "run=2026-02-30-04-00-00/part-0", "run=2026-03-02-04-00-00/output=good/part-0"]
    touch(tmp_path, *events, *markers, *unknown)
    listing = LandingFolder(tmp_path).inventory()
    assert [item.name for item in listing.slices] == events
    assert {entry.name for entry in listing.ignored} == set(unknown)
    assert "run=2026-02-30-04-00-00/part-0 (impossible date: day is out of range for month)" in listing.ignored_text()


def test_missing_landing_folder_names_the_expected_layouts(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="landing folder .*nowhere: found no such folder; expected .*run="):
        LandingFolder(tmp_path / "nowhere").list_day(WINDOW)


def test_missing_day_names_the_entries_that_were_not_understood(tmp_path: Path) -> None:
    with pytest.raises(NoEventsError, match="no run and no file; expected"):
        LandingFolder(tmp_path).list_day(WINDOW)
    touch(tmp_path, "notes.txt", "run=2026-02-30-04-00-00/part-0")
    with pytest.raises(
        NoEventsError, match=r"no run and no file, and 2 entries .*notes\.txt \(no date in a known layout"
    ):
        LandingFolder(tmp_path).list_day(WINDOW)


def test_error_for_parent_folder_names_the_landing_folder(tmp_path: Path) -> None:
    touch(tmp_path, "enriched/good/run=2026-03-02-04-00-00/part-0", "enriched/good/run=2026-03-02-05-00-00/part-0",
          "enriched/bad/run=2026-03-02-04-00-00/part-0")  # fmt: skip
    with pytest.raises(InputError, match=r"only in subfolders \(2 in enriched/good, 1 in .*such as .*enriched/good,"):
        LandingFolder(tmp_path).list_day(WINDOW)


def test_site_pattern_adds_a_layout(tmp_path: Path) -> None:
    touch(tmp_path, "shop/20260302/a.tsv", "2026-03-02-050000-e9f4.gz", "shop/today/a.tsv")
    listing = LandingFolder(tmp_path, compile_pattern("shop/{yyyy}{MM}{dd}/*")).list_day(WINDOW)
    assert [item.name for item in listing.slices] == ["shop/20260302/a.tsv", "2026-03-02-050000-e9f4.gz"]
    assert [entry.name for entry in listing.ignored] == ["shop/today/a.tsv"]


def test_unreadable_file_is_named_with_its_form_and_a_fix(tmp_path: Path) -> None:
    path = land(tmp_path, [line("a", at(10))], run="2026-03-02-12-00-00")
    path.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(InputError) as error:
        LandingFolder(tmp_path).list_day(WINDOW)
    assert error.value.thing == str(path)
    assert error.value.found == "gzip data that contains gzip data (compressed twice)"
    assert "zcat" in error.value.fix


@pytest.mark.parametrize(
    "landing",
    ["gs://b/x", "abfss://c@a.net/x", "file:///data", "https://x/y", "s3://B/x", "s3://b/x?y", "s3://b/x,/data"],
)
def test_url_is_not_taken_for_a_folder(landing: str) -> None:
    with pytest.raises(SettingsError, match=r"setting landing .*s3://bucket/prefix"):
        Settings.load(landing=landing)


def test_malformed_pattern_is_named() -> None:
    with pytest.raises(SettingsError, match=r"landing_pattern .*'\*'.* needs \{yyyy\}"):
        source_from(Settings.load(landing_pattern="*"))


@pytest.mark.spark
def test_content_decides_how_a_file_is_read(spark: "SparkSession", tmp_path: Path) -> None:
    run = land(tmp_path, ["gzip\ttext", "three\r"], run="2026-03-02-12-00-00").parent
    (run / "part-00001").write_bytes((run / "part-00000.gz").read_bytes())
    (run / "part-00002.gz").write_text("plain\nlast line without its end")
    (run / "part-00004").write_bytes(bz2.compress(b"bzip2\n"))
    (run / "part-00005.gz").write_bytes(bytes(pa.compress(b"zstd\n", codec="zstd", asbytes=True)))
    (run / "part-00006.txt").write_bytes(zlib.compress(b"zlib\n"))
    touch(run, "part-00003.gz")
    source = LandingFolder(tmp_path)
    rows = source.read(spark, source.list_day(WINDOW).slices).collect()
    assert sorted(row["line"] for row in rows) == [
        "bzip2", "gzip\ttext", "gzip\ttext", "last line without its end", "plain", "three", "three", "zlib", "zstd"
    ]  # fmt: skip


@pytest.mark.spark
def test_truncated_file_is_named(spark: "SparkSession", tmp_path: Path) -> None:
    folder = tmp_path / "all events"
    path = land(folder, [line(f"e{n}", at(n / 100)) for n in range(500)])
    path.write_bytes(path.read_bytes()[:-200])
    with (
        pytest.raises(InputError, match=rf"^{path}: found a truncated file"),
        cleaned_day(spark, LandingFolder(folder), DAY.date(), CleanOptions(KEY, partitions=1)),
    ):
        pass
    assert gzip.decompress(land(folder, ["whole"]).read_bytes()) == b"whole\n"


@pytest.mark.spark
def test_installation_in_a_path_with_special_characters_reads_every_line(spark: "SparkSession", tmp_path: Path) -> None:
    home = tmp_path / "a shop (1) %20 [ü]"
    land(home / "landing", ["one", "two"], run="2026-03-02-12-00-00")
    source = source_from(Settings.load(home=home))
    rows = source.read(spark, source.list_day(WINDOW).slices).collect()
    assert {(row["line"], row["slice"]) for row in rows} == {("one", 0), ("two", 0)}
