"""The event source for folders that Snowplow's loaders fill.

Every file below the folder is read, recognised as a marker, or reported by name with the reason why it is ignored.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from leapline.errors import InputError
from leapline.sources.content import recognise
from leapline.sources.layout import EXPECTED, ImpossibleDateError, is_marker, landing_span, level_too_high
from leapline.sources.selection import select_slices
from leapline.sources.source import DayWindow, Ignored, Listing, Slice
from leapline.sources.text_files import read_text_files


class LandingFolder:
    """A local folder of enriched events.

    Args:
        folder: the landing folder.
        pattern: the site's own layout, from `layout.compile_pattern`.
    """

    def __init__(self, folder: Path, pattern: re.Pattern[str] | None = None) -> None:
        self.folder, self.pattern = folder, pattern

    @property
    def name(self) -> str:
        """The folder's name in messages."""
        return f"landing folder {self.folder}"

    def list_day(self, window: DayWindow) -> Listing:
        """List the files that can hold events of a day's sessions, as `EventSource.list_day`."""
        listing = self.inventory()
        chosen = select_slices(self.name, listing, window)
        return Listing(tuple(map(_with_extension, chosen)), listing.ignored)

    def inventory(self) -> Listing:
        """List all files, those with events by time and name.

        Raises:
            InputError: the folder does not exist, or all its events are in subfolders that no layout has.
        """
        if not self.folder.is_dir():
            raise InputError(
                self.name,
                found="no such folder",
                expected=EXPECTED,
                fix="Correct LEAPLINE_LANDING, or fill the folder with `leapline generate`.",
            )
        slices, ignored = [], []
        for path in sorted(self._files()):
            entry = self._entry(path)
            if isinstance(entry, Slice):
                slices.append(entry)
            else:
                ignored.append(entry)
        if not slices and ignored:
            self._require_right_level(ignored)
        slices.sort(key=lambda item: (item.landed_from, item.name))
        return Listing(tuple(slices), tuple(ignored))

    def read(self, spark: SparkSession, slices: Sequence[Slice]) -> DataFrame:
        """Return the files' lines, as `EventSource.read`."""
        return read_text_files(spark, slices)

    def _files(self) -> Iterator[str]:
        """Yield the paths of all files but markers, relative to the folder."""
        for folder, subfolders, names in os.walk(self.folder, followlinks=True):
            relative = Path(folder).relative_to(self.folder).as_posix()
            subfolders[:] = [name for name in subfolders if not is_marker(name)]
            paths = (name if relative == "." else f"{relative}/{name}" for name in names)
            yield from (path for path in paths if not is_marker(path))

    def _entry(self, path: str) -> Slice | Ignored:
        try:
            span = landing_span(path, self.pattern)
        except ImpossibleDateError as exc:
            return Ignored(path, f"impossible date: {exc}")
        if span is None:
            return Ignored(path, "no date in a known layout")
        location = self.folder / path
        return Slice(path, str(location), span.start, span.until, location.stat().st_size)

    def _require_right_level(self, ignored: Sequence[Ignored]) -> None:
        folders_of = (level_too_high(entry.name, self.pattern) for entry in ignored)
        below = Counter(folder for folder in folders_of if folder is not None)
        if below:
            folders = ", ".join(f"{count} in {folder}" for folder, count in below.most_common(3))
            example = self.folder / below.most_common(1)[0][0]
            raise InputError(
                self.name,
                found=f"files of events only in subfolders ({folders})",
                expected=EXPECTED,
                fix=f"Set LEAPLINE_LANDING to the folder that has them, such as {example}, or describe the path by "
                "LEAPLINE_LANDING_PATTERN.",
            )


def _with_extension(item: Slice) -> Slice:
    """Add the extension by which Spark reads the file.

    Raises:
        InputError: the file cannot be opened, or Spark cannot read its content.
    """
    try:
        with Path(item.location).open("rb") as file:
            content = recognise(file)
    except OSError as exc:
        raise InputError(
            item.location, found=str(exc), expected="a file that can be read", fix="Check its permissions."
        ) from exc
    if content.extension is None:
        raise InputError(
            item.location,
            found=content.name,
            expected="lines of enriched events, as plain text or compressed with gzip, zstd or bzip2",
            fix=content.fix,
        )
    return replace(item, extension=content.extension)
