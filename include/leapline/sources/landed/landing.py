"""The event sources for folders and buckets that Snowplow's loaders fill.

Every file is read, recognised as a marker, or reported by name with the reason why it is ignored. A folder is listed
completely. A bucket is listed along the dates in its keys: what cannot belong to the day is not looked into, so that
the cost does not grow with the history that the bucket keeps.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Final

from pyspark.sql import DataFrame, SparkSession

from leapline.errors import InputError, SourceChangedError, StorageError
from leapline.sources.landed.content import recognise
from leapline.sources.landed.layout import (
    EXPECTED,
    ImpossibleDateError,
    SitePattern,
    Span,
    is_marker,
    landing_span,
    level_too_high,
    read_prefix,
)
from leapline.sources.landed.selection import nearest, outer_limits, select_slices
from leapline.sources.readable_names import ReadableNames
from leapline.sources.source import OPENED, DayWindow, Ignored, Listing, Slice
from leapline.sources.text_files import read_text_files
from leapline.storage import LocalStore, Store
from leapline.storage.store import Item, open_stored

_AT_ONCE: Final = 16
"""Files whose first bytes are read at the same time."""
_PEEKED: Final = 50
"""Folders of a bucket that no layout has, of which one file each is looked at for a message."""


class Landing:
    """Stores of enriched events.

    Args:
        stores: at least one; all have the same meaning.
        pattern: the site's own layout, from `layout.compile_pattern`.
        scratch: a store for names that Spark reads correctly; a temporary folder of this process if None.
    """

    kind = "landing bucket"

    def __init__(
        self, stores: Sequence[Store], pattern: SitePattern | None = None, scratch: Store | None = None
    ) -> None:
        self.stores, self.pattern, self.scratch = stores, pattern, scratch

    @property
    def name(self) -> str:
        """The source's name in messages."""
        return f"{self.kind} {', '.join(store.address for store in self.stores)}"

    def list_day(self, window: DayWindow) -> Listing:
        """List the files that can hold events of a day's sessions, as `EventSource.list_day`."""
        listing = self._listing(window)
        chosen = select_slices(self.name, listing, window)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return replace(listing, slices=tuple(pool.map(self._with_extension, chosen)))

    def inventory(self) -> Listing:
        """List all files, those with events by time and name.

        Raises:
            InputError: all events are in subfolders that no layout has.
        """
        return self._listing(None)

    def read(self, spark: SparkSession, slices: Sequence[Slice]) -> DataFrame:
        """Return the files' lines, as `EventSource.read`."""
        names = ReadableNames(self.scratch)
        files = [(names.address(item, *self._stored(item)), item) for item in slices]
        return read_text_files(spark, files)

    def paths(self, slices: Sequence[Slice]) -> list[Path] | None:
        """Return the files of local folders, as `EventSource.paths`."""
        stored = [self._stored(item) for item in slices]
        if not all(item.extension in OPENED for item in slices) or not all(store.folder for store, _ in stored):
            return None
        return [Path(item.location).absolute() for item in slices]

    def close(self) -> None:
        """Do nothing: names for Spark are removed when the process ends."""

    def require_unchanged(self, slices: Sequence[Slice], lines: Sequence[int]) -> None:
        """Compare size and time of the files with the listing, as `EventSource.require_unchanged`."""
        folders = {(store, key.rpartition("/")[0]) for store, key in map(self._stored, slices)}
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            levels = pool.map(lambda place: (place[0], place[0].scan(place[1]).items), folders)
            present = {(store, item.key): (item.size, item.modified) for store, items in levels for item in items}
        for item in slices:
            store, key = self._stored(item)
            if present.get((store, key)) != (item.size, item.modified):
                raise SourceChangedError(
                    f"{store.address}/{key}",
                    found="replaced while it was read" if (store, key) in present else "removed while it was read",
                    expected="files that do not change after they have landed",
                    fix="Run the step again; if it happens again, let the loader write under new names.",
                )

    def _stored(self, item: Slice) -> tuple[Store, str]:
        """Return the store of a slice and its key in it."""
        store = next(s for s in self.stores if item.location.startswith(s.spark_address("")))
        return store, item.location.removeprefix(store.spark_address("")).lstrip("/")

    def _listing(self, window: DayWindow | None) -> Listing:
        entries: list[Slice | Ignored] = []
        days: set[date] = set()
        for store in self.stores:
            items = _Walk(store, self.pattern, window, days).items() if window else store.list()
            entries += (self._entry(store, item) for item in items if not self._is_marker(item))
        slices = [entry for entry in entries if isinstance(entry, Slice)]
        ignored = [entry for entry in entries if isinstance(entry, Ignored)]
        if not slices and not days and ignored:
            self._require_right_level(ignored)
        slices.sort(key=lambda item: (item.landed_from, item.name))
        return Listing(tuple(slices), tuple(ignored), tuple(sorted(days)))

    def _is_marker(self, item: Item) -> bool:
        """Return whether an entry has no events; an empty object with the name of a folder stands for that folder."""
        return is_marker(item.key) or (item.size == 0 and read_prefix(item.key, self.pattern) is not None)

    def _entry(self, store: Store, item: Item) -> Slice | Ignored:
        name = item.key if len(self.stores) == 1 else f"{store.address}/{item.key}"
        try:
            span = landing_span(item.key, self.pattern)
        except ImpossibleDateError as exc:
            return Ignored(name, f"impossible date: {exc}")
        if span is None:
            return Ignored(name, "no date in a known layout")
        return Slice(name, store.spark_address(item.key), span.start, span.until, item.size, modified=item.modified)

    def _require_right_level(self, ignored: Sequence[Ignored]) -> None:
        folders_of = (level_too_high(entry.name, self.pattern) for entry in ignored)
        below = Counter(folder for folder in folders_of if folder is not None)
        if below:
            folders = ", ".join(f"{count} in {folder}" for folder, count in below.most_common(3))
            example = f"{self.stores[0].address}/{below.most_common(1)[0][0]}"
            raise InputError(
                self.name,
                found=f"files of events only in subfolders ({folders})",
                expected=EXPECTED,
                fix=f"Set LEAPLINE_LANDING to the folder that has them, such as {example}, or describe the path by "
                "LEAPLINE_LANDING_PATTERN.",
            )

    def _with_extension(self, item: Slice) -> Slice:
        """Add the extension by which the file is opened.

        Raises:
            InputError: the file cannot be opened, or its content is in no form that is read.
        """
        store, key = self._stored(item)
        try:
            with open_stored(store, Item(key, item.size or 0, item.landed_from)) as file:
                content = recognise(file)
        except (OSError, StorageError) as exc:
            raise InputError(
                f"{store.address}/{key}",
                found=exc.found if isinstance(exc, StorageError) else str(exc),
                expected="a file that can be read",
                fix="Check its permissions.",
            ) from exc
        if content.extension is None:
            raise InputError(
                f"{store.address}/{key}",
                found=content.name,
                expected="lines of enriched events, as plain text or compressed with gzip, zstd or bzip2",
                fix=content.fix,
            )
        return replace(item, extension=content.extension)


class LandingFolder(Landing):
    """A local folder of enriched events.

    Args:
        folder: the landing folder.
        pattern: the site's own layout, from `layout.compile_pattern`.
        scratch: as in `Landing`.
    """

    kind = "landing folder"

    def __init__(self, folder: Path, pattern: SitePattern | None = None, scratch: Store | None = None) -> None:
        self.folder = folder
        super().__init__([LocalStore(folder)], pattern, scratch)

    def _listing(self, window: DayWindow | None) -> Listing:
        """List the complete folder.

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
        return super()._listing(None)


class _Walk:
    """A walk through a store, along the dates in its keys.

    Args:
        store: to walk through.
        pattern: the site's own layout.
        window: the day and its margins.
        days: gets the days of the folders that are left out.
    """

    def __init__(self, store: Store, pattern: SitePattern | None, window: DayWindow, days: set[date]) -> None:
        self.store, self.pattern, self.days = store, pattern, days
        self.limits = outer_limits(window)
        self._peeked = 0

    def items(self) -> Iterator[Item]:
        """Yield the files that can belong to the day, in the order of their keys at each level."""
        return self._level("")

    def _level(self, folder: str) -> Iterator[Item]:
        level = self.store.scan(folder)
        yield from level.items
        paths = [f"{folder}/{name}".lstrip("/") for name in level.folders]
        prefixes = {path: read_prefix(path, self.pattern) for path in paths if not is_marker(path)}
        spans = {path: prefix.span for path, prefix in prefixes.items() if prefix and prefix.span}
        relevant = self._relevant(spans)
        for path, prefix in prefixes.items():
            if prefix is None:
                yield from self._peek(path)
            elif path in relevant or prefix.span is None:
                yield from self.store.list(path) if prefix.is_complete else self._level(path)

    def _relevant(self, spans: dict[str, Span]) -> set[str]:
        """Return the folders that overlap with the window, and the nearest one at each end."""
        relevant = nearest(spans, *self.limits)
        self.days.update(span.start.date() for path, span in spans.items() if path not in relevant)
        return relevant

    def _peek(self, path: str) -> Iterator[Item]:
        """Yield one file of a folder that no layout has."""
        self._peeked += 1
        if self._peeked <= _PEEKED:
            return islice(self.store.list(path), 1)
        return iter([Item(f"{path}/...", 0, datetime.now(UTC))])
