"""The landing folder passes the contract of event sources, in each layout, and names files that cannot be read."""

import gzip
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from leapline.errors import InputError, NoEventsError
from leapline.events.clean import CleanOptions, cleaned_day
from leapline.sources.landing_folder import LandingFolder
from leapline.sources.source import EventSource
from tests.events.lines import DAY, KEY, at, land, line
from tests.sources.contract import WINDOW, EventSourceContract

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class TestRunFolders(EventSourceContract):
    """`run=YYYY-MM-DD-HH-MM-SS/part-*`, gzip."""

    def fill(self, store: Path, batches: Mapping[datetime, Sequence[str]]) -> EventSource:
        for when, lines in batches.items():
            land(store, lines, run=f"{when:%Y-%m-%d-%H-%M-%S}")
        return LandingFolder(store)

    def missing(self, store: Path) -> EventSource:
        return LandingFolder(store / "nowhere")


class TestFlatFiles(EventSourceContract):
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


def test_lists_both_layouts_without_markers(tmp_path: Path) -> None:
    events = ["run=2026-03-02-04-00-00/part-00000.gz", "run=2026-03-02-04-00-00/part-00001-c000.txt",
              "2026-03-02-050000-e9f4.gz", "2026-03-02-051500-495601-495699.gz"]  # fmt: skip
    markers = ["run=2026-03-02-04-00-00/_SUCCESS", "run=2026-03-02-04-00-00/.part-00000.gz.crc",
               "_truth/date=2026-03-02", "run=2026-03-02-04-00-00_$folder$", "_source.json", "notes.txt",
               "run=2026-03-02-04-00-00/_temporary/0/part-00000", ".2026-03-02-050000-e9f4.gz",
               "run=2026-03-02-04-00-00/shredding_complete.json"]  # fmt: skip
    touch(tmp_path, *events, *markers)
    assert [item.name for item in LandingFolder(tmp_path).files()] == events


def test_missing_landing_folder_names_the_expected_layouts(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="landing folder .*nowhere: found no such folder; expected .*run="):
        LandingFolder(tmp_path / "nowhere").list_day(WINDOW)


def test_landing_folder_without_batches_fails(tmp_path: Path) -> None:
    with pytest.raises(NoEventsError, match="no run and no file"):
        LandingFolder(tmp_path).list_day(WINDOW)


@pytest.mark.spark
def test_content_decides_whether_a_file_is_gzip(spark: "SparkSession", tmp_path: Path) -> None:
    run = land(tmp_path, ["one\ttwo", "three\r"]).parent
    (run / "part-00001").write_bytes((run / "part-00000.gz").read_bytes())
    (run / "part-00002").write_text("plain\nlast line without its end")
    touch(run, "part-00003.gz")
    source = LandingFolder(tmp_path)
    rows = source.read(spark, source.files()).collect()
    assert sorted(row["line"] for row in rows) == [
        "last line without its end", "one\ttwo", "one\ttwo", "plain", "three", "three"
    ]  # fmt: skip


@pytest.mark.spark
def test_plain_text_named_gzip_is_rejected(spark: "SparkSession", tmp_path: Path) -> None:
    land(tmp_path, []).write_text("event\tevent\n")
    source = LandingFolder(tmp_path)
    with pytest.raises(InputError, match=r"part-00000.gz: found .*not gzip \(it starts with b'event"):
        source.read(spark, source.files())


@pytest.mark.spark
def test_truncated_file_is_named(spark: "SparkSession", tmp_path: Path) -> None:
    path = land(tmp_path, [line(f"e{n}", at(n / 100)) for n in range(500)])
    path.write_bytes(path.read_bytes()[:-200])
    with (
        pytest.raises(InputError, match=r"part-00000\.gz: found a truncated file"),
        cleaned_day(spark, LandingFolder(tmp_path), DAY.date(), CleanOptions(KEY, partitions=1)),
    ):
        pass
    assert gzip.decompress(land(tmp_path, ["whole"]).read_bytes()) == b"whole\n"
