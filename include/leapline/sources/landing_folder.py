"""Finding and reading what Snowplow landed.

Two layouts stand side by side: the batch era's `run=YYYY-MM-DD-HH-MM-SS/part-*` and the S3 loader's flat
`yyyy-MM-dd-HHmmss-<anything>.gz`. The time in the name says when a batch was enriched, not when its events happened,
so the files of a day are chosen with a margin and the events by their own time.
"""

import atexit
import re
import shutil
import tempfile
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from leapline.errors import InputError, NoEventsError

FLUSH = timedelta(hours=1)
"""How long a loader may hold events back before it writes them."""

_RUN: Final = re.compile(r"run=(\d{4}-\d\d-\d\d)-(\d\d)-(\d\d)-(\d\d)")
_FLAT: Final = re.compile(r"(\d{4}-\d\d-\d\d)-(\d\d)(\d\d)(\d\d)-[^/]+")
_GZIP: Final = b"\x1f\x8b"
_MARKS: Final = ("$folder$", ".json", ".crc", ".tmp", ".inprogress")


@dataclass(frozen=True)
class LandedFile:
    """One file of enriched events.

    Args:
        path: where it is.
        at: the time in its name or its run's, UTC; when the batch was enriched.
    """

    path: Path
    at: datetime

    @property
    def name(self) -> str:
        """What an operator knows it by: `run=.../part-00000.gz`, or the flat file's name."""
        run = self.path.parent.name
        return f"{run}/{self.path.name}" if _RUN.fullmatch(run) else self.path.name


def landed_files(landing: Path) -> list[LandedFile]:
    """All files of enriched events in a landing folder, by time and name; marks, hidden and unfinished files left out.

    Raises:
        InputError: the folder does not exist.
    """
    if not landing.is_dir():
        raise InputError(
            f"landing folder {landing}",
            found="no such folder",
            expected="Snowplow's enriched events, as run=YYYY-MM-DD-HH-MM-SS/part-* or yyyy-MM-dd-HHmmss-*.gz",
            fix="Correct LEAPLINE_LANDING, or fill the folder with `leapline generate`.",
        )
    batches = (
        LandedFile(path, at) for run, at in _timed(landing.iterdir(), _RUN) if run.is_dir() for path in _parts(run)
    )
    flat = (LandedFile(path, at) for path, at in _timed(landing.iterdir(), _FLAT) if path.is_file())
    return sorted((*batches, *flat), key=lambda file: (file.at, file.name))


def files_of_day(
    landing: Path, day: date, lookback: timedelta, lookahead: timedelta, days_late: int
) -> list[LandedFile]:
    """The files that can hold events of sessions of a day, the late ones included.

    A batch holds what was collected before it started, or, with some set-ups, after; so one more batch is taken at
    each end.

    Args:
        landing: the landing folder.
        day: the data day (UTC).
        lookback: how far before the day sessions are looked at, to see which ones were already on.
        lookahead: how far past the day's end a session's tail is followed.
        days_late: days after its own that an event may still arrive.

    Raises:
        InputError: the folder does not exist.
        NoEventsError: it holds no batch of that day.
    """
    files = landed_files(landing)
    midnight = datetime.combine(day, time(), UTC)
    first, last = midnight - lookback, midnight + timedelta(days=1 + days_late) + lookahead + FLUSH
    times = sorted({file.at for file in files})
    low, high = bisect_left(times, first), bisect_right(times, last)
    if bisect_left(times, midnight) == high:
        raise NoEventsError(
            f"events of {day} in {landing}",
            found=_spans(times),
            expected=f"a run or file of {day} or the {days_late + 1} days after it",
            fix="Check that the collector and the loader ran, or choose another date.",
        )
    chosen = set(times[max(low - 1, 0) : high + 1])
    return [file for file in files if file.at in chosen]


def read_lines(spark: SparkSession, files: Iterable[LandedFile]) -> DataFrame:
    """The files' lines, as they stand.

    Whether a file is gzip is told from its first bytes. Hadoop tells it from the name, so gzip without the ending is
    read through a link that has it.

    Returns:
        `line string, file string`: the text without its line feed, and the last two parts of the file's path.

    Raises:
        InputError: a file is named .gz and is not gzip, or cannot be opened.
    """
    links = _Links()
    paths = [str(links.readable(file)) for file in files if file.path.stat().st_size]
    if not paths:
        return spark.createDataFrame([], "line string, file string")
    text = spark.read.option("lineSep", "\n").text(paths)
    return text.select(
        _without_return(F.col("value")).alias("line"), F.substring_index("_metadata.file_path", "/", -2).alias("file")
    )


def landing_name(file: Column) -> Column:
    """From `read_lines`' file to what an operator knows: `run=.../part-00000.gz`, or the flat file's name."""
    return F.when(file.startswith("run="), file).otherwise(F.substring_index(file, "/", -1))


def enriched_on(file: Column) -> Column:
    """The date in a run's or a flat file's name, `yyyy-MM-dd`; empty where there is none."""
    return F.regexp_extract(file, r"(?:run=|/)(\d{4}-\d\d-\d\d)-", 1)


def _without_return(line: Column) -> Column:
    return F.when(line.endswith("\r"), F.left(line, F.length(line) - 1)).otherwise(line)


class _Links:
    """Names that end in .gz for gzip files whose names do not; removed when the process ends."""

    def __init__(self) -> None:
        self._folder: Path | None = None

    def readable(self, file: LandedFile) -> Path:
        """The path under which Hadoop reads a file's content."""
        is_gzip, named = _starts_as_gzip(file.path), file.path.suffix == ".gz"
        if named and not is_gzip:
            raise InputError(
                str(file.path),
                found=f"a file named .gz that is not gzip (it starts with {_first_bytes(file.path, 8)!r})",
                expected="gzip data, or a name without .gz",
                fix="Fetch the file again, or rename it if it is plain text.",
            )
        return file.path if named or not is_gzip else self._link(file)

    def _link(self, file: LandedFile) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="leapline-gzip-"))
            atexit.register(shutil.rmtree, self._folder, ignore_errors=True)
        link = self._folder / f"{file.name}.gz"
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(file.path.resolve())
        return link


def _starts_as_gzip(path: Path) -> bool:
    return _first_bytes(path, 2) == _GZIP


def _first_bytes(path: Path, count: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(count)
    except OSError as exc:
        raise InputError(
            str(path), found=str(exc), expected="a file that can be read", fix="Check its permissions."
        ) from exc


def _timed(paths: Iterable[Path], form: re.Pattern[str]) -> Iterator[tuple[Path, datetime]]:
    for path in paths:
        if match := form.fullmatch(path.name):
            yield path, datetime.fromisoformat("{}T{}:{}:{}+00:00".format(*match.groups()))


def _parts(run: Path) -> Iterator[Path]:
    return (p for p in run.iterdir() if p.is_file() and p.name[0] not in "._" and not p.name.endswith(_MARKS))


def _spans(times: list[datetime]) -> str:
    days = sorted({at.date().isoformat() for at in times})
    return (
        f"runs and files of {', '.join(days[:8])}{' and later days' if len(days) > 8 else ''}"
        if days
        else "no run and no file"
    )
