"""A file that lost its lines is found and named; each file's lines are counted."""

import gzip
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from leapline.errors import BalanceError, InputError, NoEventsError
from leapline.events.clean import CleanOptions, cleaned_day
from leapline.events.file_counts import require_balanced_files, require_usable_files, unusable_files
from leapline.sources.landed.landing import LandingFolder
from tests.events.lines import DAY, KEY, at, land, line

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

RUN = "2026-03-02-12-00-00"


def counts(name: str, lines: int, unreadable: int = 0, other_days: int = 0, undated: int = 0) -> dict[str, Any]:
    return {"file": name, "lines": lines, "unreadable": unreadable, "other_days": other_days, "undated": undated}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([], []),
        ([counts("a", 100), counts("b", 100, 40)], []),
        ([counts("a", 100), counts("b", 100, 60)], ["b: 40.0% of the lines are readable"]),
        ([counts("a", 100), counts("b", 1, 1)], ["b: none of 1 lines is readable"]),
        ([counts("a", 100), counts("b", 10, 9)], []),
        ([counts("a", 100), counts("b", 100, 0, other_days=100)], []),
        ([counts("a", 100, 90), counts("b", 100, 90)], []),
        ([counts("a", 100), counts("b", 2000, 8, other_days=1992, undated=8)], []),
        ([counts("a", 100), counts("b", 2000, 8, other_days=1992)], ["b: none of 8 lines is readable"]),
        ([counts("a", 100), counts("b", 100, 100, undated=100)], ["b: none of 100 lines is readable"]),
        ([counts("a", 100), counts("b", 2000, 1500, 400, undated=1500)], ["b: 25.0% of the lines are readable"]),
    ],
)
def test_file_with_far_fewer_readable_lines_than_others_is_unusable(
    files: list[dict[str, Any]], expected: list[str]
) -> None:
    findings = unusable_files(files, min_ratio=0.5)
    assert len(findings) == len(expected)
    assert all(finding.startswith(start) for finding, start in zip(findings, expected, strict=True))


def test_unusable_files_fail_with_a_fix() -> None:
    require_usable_files("2026-03-02", [])
    with pytest.raises(InputError, match="files of 2026-03-02: found a: none.*LEAPLINE_UNUSABLE_FILES=warn"):
        require_usable_files("2026-03-02", ["a: none of 3 lines is readable"])


def test_counts_per_file_have_to_add_up() -> None:
    file = counts("a", 3) | {"events": 2, "excluded": 1, "quarantined": 0}
    require_balanced_files("2026-03-02", [file], 3)
    with pytest.raises(BalanceError, match="3 lines in all files; expected 4"):
        require_balanced_files("2026-03-02", [file], 4)
    with pytest.raises(BalanceError, match="different sums in a"):
        require_balanced_files("2026-03-02", [file | {"events": 1}], 3)


@pytest.mark.spark
def test_every_file_is_counted_whatever_its_name_and_codec(spark: "SparkSession", tmp_path: Path) -> None:
    """A folder with special characters; files of every layout; one without any readable line; ignored entries."""
    landing = tmp_path / "my landing [x] {y} %20 ${z}"
    land(landing, [line(f"a{n}", at(10 + n / 100)) for n in range(30)], run=RUN)
    (landing / "2026-03-02-0123.gz").write_text(line("plain", at(11)) + "\n" + line("bot", at(11), br_type="Robot"))
    folder = landing / "date=2026-03-02"
    folder.mkdir()
    (folder / "part 0[1]%20.txt").write_bytes(gzip.compress(f"{line('b', at(12))}\n{line('c', at(30))}\n".encode()))
    (folder / "broken").write_text("no events\n" * 3)
    (folder / "yesterday").write_text("\n".join([*(line(f"y{n}", at(-5)) for n in range(5)), "no event", ""]))
    (landing / "notes.txt").write_text("not a file of events")
    (landing / "run=2026-02-30-00-00-00").mkdir()
    (landing / "run=2026-02-30-00-00-00" / "part-0").write_text("x\n")

    with cleaned_day(spark, LandingFolder(landing), DAY.date(), CleanOptions(KEY, partitions=1)) as day:
        keys = ("lines", "other_days", "events", "excluded", "quarantined")
        rows = {file["file"]: tuple(file[key] for key in keys) for file in day.files}
        assert rows == {
            f"run={RUN}/part-00000.gz": (30, 0, 30, 0, 0),
            "2026-03-02-0123.gz": (2, 0, 1, 1, 0),
            "date=2026-03-02/part 0[1]%20.txt": (2, 1, 1, 0, 0),
            "date=2026-03-02/broken": (3, 0, 0, 0, 3),
            "date=2026-03-02/yesterday": (6, 5, 0, 0, 1),
        }
        assert {file["file"]: file["undated"] for file in day.files if file["undated"]} == {
            "date=2026-03-02/broken": 3,
            "date=2026-03-02/yesterday": 1,
        }
        assert day.counts["unusable"] == ["date=2026-03-02/broken: none of 3 lines is readable"]
        assert day.counts["widths"] == {"1": 4}
        assert day.counts["ignored_entries"] == 2
        assert "notes.txt (no date in a known layout)" in day.counts["ignored"]
        assert "run=2026-02-30-00-00-00/part-0 (impossible date" in day.counts["ignored"]
        assert {row["file"] for row in day.quarantine.collect()} == {
            "date=2026-03-02/broken",
            "date=2026-03-02/yesterday",
        }
        assert day.counts["quarantined_bytes"] == 3 * len("no events") + len("no event")


@pytest.mark.spark
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"contexts": ""}, "no_consent.*LEAPLINE_CONSENT_REQUIRED=false"),
        ({"domain_sessionid": ""}, "no_session.*field `session`"),
        (
            {"true_tstamp": "\t" * 9},
            "with 140 columns.*expected sessions that start on that day, in lines of 131.*LEAPLINE_ACCEPTED_WIDTHS",
        ),
    ],
)
def test_day_without_events_fails_with_a_fix_for_the_most_frequent_reason(
    spark: "SparkSession", tmp_path: Path, changes: dict[str, str], message: str
) -> None:
    land(tmp_path, [line(f"a{n}", at(10), **changes) for n in range(3)], run=RUN)
    options = replace(CleanOptions(KEY, partitions=1), consent_required=True)
    with (
        pytest.raises(NoEventsError, match=message),
        cleaned_day(spark, LandingFolder(tmp_path), DAY.date(), options),
    ):
        pass


@pytest.mark.spark
def test_names_of_files_with_an_email_address_are_not_kept(spark: "SparkSession", tmp_path: Path) -> None:
    land(tmp_path, [line("good", at(10)), line("bad", at(10), event_id="?")], run=RUN, part=0)
    (file,) = (tmp_path / f"run={RUN}").iterdir()
    file.rename(file.with_name("part-of-anna@planted.example.gz"))
    (tmp_path / "notes of anna@planted.example.txt").write_text("x")
    with cleaned_day(spark, LandingFolder(tmp_path), DAY.date(), CleanOptions(KEY)) as clean:
        names = [row["file"] for row in clean.quarantine.collect()]
        assert names == [clean.files[0]["file"]] == ["file 1 of the day, whose name has an e-mail address"]
        assert clean.counts["ignored_entries"] == 1
        assert "planted" not in str(clean.counts) + str(clean.files)
