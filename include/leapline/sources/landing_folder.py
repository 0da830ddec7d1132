"""The event source for folders that Snowplow's loaders fill.

Two layouts may be mixed: the batch era's `run=YYYY-MM-DD-HH-MM-SS/part-*` and the S3 loader's flat
`yyyy-MM-dd-HHmmss-<anything>.gz`. The time in the name is the time of enrichment, not of the events, so the files of a
day are selected with a margin, and the events by their own time.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from pyspark.sql import DataFrame, SparkSession

from leapline.errors import InputError
from leapline.sources.selection import select_slices
from leapline.sources.source import DayWindow, Listing, Slice
from leapline.sources.text_files import read_text_files

_RUN: Final = re.compile(r"run=(\d{4}-\d\d-\d\d)-(\d\d)-(\d\d)-(\d\d)")
_FLAT: Final = re.compile(r"(\d{4}-\d\d-\d\d)-(\d\d)(\d\d)(\d\d)-[^/]+")
_MARKERS: Final = ("$folder$", ".json", ".crc", ".tmp", ".inprogress")


class LandingFolder:
    """A local folder of enriched events.

    Args:
        folder: the landing folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def name(self) -> str:
        """The folder's name in messages."""
        return f"landing folder {self.folder}"

    def list_day(self, window: DayWindow) -> Listing:
        """List the files that can hold events of a day's sessions, as `EventSource.list_day`."""
        return Listing(tuple(select_slices(self.name, self.files(), window)))

    def files(self) -> list[Slice]:
        """List all files of enriched events by time and name, without markers, hidden and unfinished files.

        Raises:
            InputError: the folder does not exist.
        """
        if not self.folder.is_dir():
            raise InputError(
                self.name,
                found="no such folder",
                expected="Snowplow's enriched events, as run=YYYY-MM-DD-HH-MM-SS/part-* or yyyy-MM-dd-HHmmss-*.gz",
                fix="Correct LEAPLINE_LANDING, or fill the folder with `leapline generate`.",
            )
        entries = list(self.folder.iterdir())
        runs = (
            _slice(path, f"{run.name}/{path.name}", at)
            for run, at in _with_times(entries, _RUN)
            if run.is_dir()
            for path in _parts(run)
        )
        flat = (_slice(path, path.name, at) for path, at in _with_times(entries, _FLAT) if path.is_file())
        return sorted((*runs, *flat), key=lambda item: (item.landed_from, item.name))

    def read(self, spark: SparkSession, slices: Sequence[Slice]) -> DataFrame:
        """Return the files' lines, as `EventSource.read`."""
        return read_text_files(spark, slices)


def _slice(path: Path, name: str, at: datetime) -> Slice:
    return Slice(name, str(path), at, at, path.stat().st_size)


def _with_times(paths: Iterable[Path], form: re.Pattern[str]) -> Iterator[tuple[Path, datetime]]:
    for path in paths:
        if match := form.fullmatch(path.name):
            yield path, datetime.fromisoformat("{}T{}:{}:{}+00:00".format(*match.groups()))


def _parts(run: Path) -> Iterator[Path]:
    return (p for p in run.iterdir() if p.is_file() and p.name[0] not in "._" and not p.name.endswith(_MARKERS))
