"""Which files hold a day, and what is said of those that cannot be read."""

import gzip
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from leapline.errors import InputError, NoEventsError
from leapline.events.clean import CleanOptions, clean_landing
from leapline.sources.landing_folder import files_of_day, landed_files, read_lines
from tests.events.lines import DAY, KEY, at, land, line

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

HOUR = timedelta(hours=1)


def touch(landing: Path, *names: str) -> None:
    for name in names:
        path = landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def days_files(landing: Path, day: int = 2, days_late: int = 3) -> list[str]:
    return [f.name for f in files_of_day(landing, date(2026, 3, day), 3 * HOUR, 3 * HOUR, days_late)]


def test_both_layouts_are_found_and_marks_are_not(tmp_path: Path) -> None:
    wanted = ["run=2026-03-02-04-00-00/part-00000.gz", "run=2026-03-02-04-00-00/part-00001-c000.txt",
              "2026-03-02-050000-e9f4.gz", "2026-03-02-051500-495601-495699.gz"]  # fmt: skip
    marks = ["run=2026-03-02-04-00-00/_SUCCESS", "run=2026-03-02-04-00-00/.part-00000.gz.crc", "_truth/date=2026-03-02",
             "run=2026-03-02-04-00-00_$folder$", "run=2026-03-02-04-00-00/_temporary/0/part-00000", "_source.json",
             "run=2026-03-02-04-00-00/shredding_complete.json", ".2026-03-02-050000-e9f4.gz", "notes.txt"]  # fmt: skip
    touch(tmp_path, *wanted, *marks)
    assert [f.name for f in landed_files(tmp_path)] == wanted


def test_a_day_takes_the_runs_that_late_events_come_in_and_one_more_at_each_end(tmp_path: Path) -> None:
    touch(tmp_path, *(f"run=2026-03-{d:02d}-06-00-00/part-00000.gz" for d in range(1, 12)))
    # From 21:00 on the 1st, when sessions that were on at midnight show, to 04:00 on the 6th: four runs, and one before
    # and one after them.
    assert [name[4:14] for name in days_files(tmp_path)] == [f"2026-03-{d:02d}" for d in range(1, 7)]
    assert [name[4:14] for name in days_files(tmp_path, days_late=0)] == ["2026-03-01", "2026-03-02", "2026-03-03"]


def test_a_landing_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="landing folder .*nowhere: found no such folder; expected .*run="):
        days_files(tmp_path / "nowhere")


def test_a_day_without_files_names_the_days_that_are_there(tmp_path: Path) -> None:
    touch(tmp_path, "run=2026-02-20-06-00-00/part-00000.gz", "2026-02-21-120000-aa.gz")
    with pytest.raises(NoEventsError, match="found runs and files of 2026-02-20, 2026-02-21; expected .*2026-03-02"):
        days_files(tmp_path)
    with pytest.raises(NoEventsError, match="no run and no file"):
        days_files(tmp_path / "run=2026-02-20-06-00-00")


@pytest.mark.spark
def test_gzip_is_told_from_the_content(spark: "SparkSession", tmp_path: Path) -> None:
    run = land(tmp_path, ["one\ttwo", "three\r"]).parent
    (run / "part-00001").write_bytes((run / "part-00000.gz").read_bytes())
    (run / "part-00002").write_text("plain\nlast line without its end")
    touch(run, "part-00003.gz")
    rows = read_lines(spark, landed_files(tmp_path)).collect()
    assert sorted(row["line"] for row in rows) == [
        "last line without its end", "one\ttwo", "one\ttwo", "plain", "three", "three"
    ]  # fmt: skip


@pytest.mark.spark
def test_a_name_that_promises_gzip_in_vain(spark: "SparkSession", tmp_path: Path) -> None:
    land(tmp_path, []).write_text("event\tevent\n")
    with pytest.raises(InputError, match=r"part-00000.gz: found .*not gzip \(it starts with b'event"):
        read_lines(spark, landed_files(tmp_path))


@pytest.mark.spark
def test_a_file_that_was_cut_short_is_named(spark: "SparkSession", tmp_path: Path) -> None:
    path = land(tmp_path, [line(f"e{n}", at(n / 100)) for n in range(500)])
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"part-00000\.gz: found a file that is cut short"):
        clean_landing(spark, tmp_path, DAY.date(), CleanOptions(KEY, partitions=1))
    assert gzip.decompress(land(tmp_path, ["whole"]).read_bytes()) == b"whole\n"
