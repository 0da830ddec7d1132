"""The behaviour that every event source has. A source's tests subclass `EventSourceContract`, or
`LineSourceContract` if it has lines, or `FileSourceContract` if its slices are files."""

import gzip
import uuid
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from leapline.errors import InputError, LeaplineError, NoEventsError
from leapline.events.clean import CleanOptions, cleaned_day
from leapline.snowplow.enriched import FIELDS
from leapline.sources.landed.landing import LandingFolder
from leapline.sources.source import LINE_SCHEMA, DayWindow, EventSource
from tests.events.lines import KEY, NAMES, contexts, line

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

WINDOW = DayWindow(date(2026, 3, 2), timedelta(hours=3), timedelta(hours=3), days_late=3)
LINES = ["one\ttwo", "", 'a "quoted" \\ line', "Grüße \U0001f6d2", "{x,y}*?[z] ${spark.app.name} %20"]
TITLES = [r"C:\new\table\x \\ \N \.", "Grüße \U0001f6d2", "{x,y}*?[z] ${spark.app.name} %20", '"quoted", \'and\' so',
          "\x08\x0b\x0c", r"\N", "\\"]  # fmt: skip
OPTIONS = CleanOptions(KEY, partitions=2)
_REFERENCES: dict[Path, tuple[list[Any], list[Any]]] = {}
"""Landing folder -> its clean events and orders; computing them takes seconds."""


def at(day: int, hour: int = 6) -> datetime:
    """Return a landing time in March 2026."""
    return datetime(2026, 3, day, hour, tzinfo=UTC)


class EventSourceContract(ABC):
    """Tests that every source has to pass."""

    days_present: ClassVar[str] = "runs and files of 2026-03-12, 2026-03-13"
    """How a message names two days with events."""
    missing_error: ClassVar[type[LeaplineError]] = InputError

    @abstractmethod
    def fill(self, store: Path, batches: Mapping[datetime, Sequence[str]]) -> EventSource:
        """Create a source whose store has these lines, which arrived at these times."""

    @abstractmethod
    def missing(self, store: Path) -> EventSource:
        """Create a source whose store does not exist."""

    def test_listing_is_ordered_and_names_are_unique(self, tmp_path: Path) -> None:
        source = self.fill(tmp_path, {at(2, hour): [line(f"{hour}", at(2, hour))] for hour in (9, 3, 6)})
        slices = source.list_day(WINDOW).slices
        assert [item.landed_from for item in slices] == sorted(item.landed_from for item in slices)
        assert len({item.name for item in slices}) == len(slices) >= 3
        assert source.list_day(WINDOW).slices == slices

    def test_missing_day_names_the_source_and_the_days_it_has(self, tmp_path: Path) -> None:
        source = self.fill(tmp_path, {at(day): [line(f"{day}", at(day))] for day in (12, 13)})
        with pytest.raises(NoEventsError, match=f"found {self.days_present}; expected") as error:
            source.list_day(WINDOW)
        assert error.value.thing == f"events of 2026-03-02 in {source.name}"

    def test_missing_store_is_an_error_that_names_it(self, tmp_path: Path) -> None:
        source = self.missing(tmp_path)
        with pytest.raises(self.missing_error) as error:
            source.list_day(WINDOW)
        assert source.name in error.value.thing

    @pytest.mark.spark
    def test_reads_late_events_up_to_the_limit(self, spark: "SparkSession", tmp_path: Path) -> None:
        arrivals = [at(2, 12), at(3), at(5), at(9), at(10)]
        lines = {when: [line(f"{when}", at(2, 11), collected=when)] for when in arrivals}
        source = self.fill(tmp_path, lines)
        with closing(source):
            events = {event_of(row) for row in source.read(spark, source.list_day(WINDOW).slices).collect()}
        assert {event_id(f"{when}") for when in arrivals[:3]} <= events
        assert event_id(f"{arrivals[-1]}") not in events

    @pytest.mark.spark
    def test_reads_no_slices_as_no_lines(self, spark: "SparkSession", tmp_path: Path) -> None:
        source = self.fill(tmp_path, {at(2): [line("x", at(2))]})
        assert source.read(spark, []).collect() == []

    @pytest.mark.spark
    @pytest.mark.same_events
    def test_clean_events_equal_those_of_a_landing_folder(
        self, spark: "SparkSession", tmp_path: Path, generated_events: Path
    ) -> None:
        if generated_events not in _REFERENCES:
            _REFERENCES[generated_events] = cleaned(spark, LandingFolder(generated_events))
        events, orders = cleaned(spark, self.fill(tmp_path, landed_lines(generated_events)))
        assert len(events) > 500
        assert (events, orders) == _REFERENCES[generated_events]


class LineSourceContract(EventSourceContract):
    """Tests that every source of lines has to pass."""

    @pytest.mark.spark
    def test_reads_lines_unchanged_with_their_date(self, spark: "SparkSession", tmp_path: Path) -> None:
        first = [line(f"a{n}", at(2, 5), page_title=title) for n, title in enumerate(TITLES)]
        second = [
            line("b", at(2, 20), collected=at(3, 5), contexts=contexts({"schema": "a\\b", "data": {"c": '"\n\t'}}))
        ]
        source = self.fill(tmp_path, {at(2, 5): first, at(3, 5): second})
        slices = source.list_day(WINDOW).slices
        with closing(source):
            frame = source.read(spark, slices)
            assert ", ".join(f"{name} {type_}" for name, type_ in frame.dtypes) == LINE_SCHEMA
            rows = frame.collect()
        dates = Counter((row["line"], row["landed_on"]) for row in rows)
        assert dates == Counter([(text, date(2026, 3, 2)) for text in first] + [(second[0], date(2026, 3, 3))])
        assert all(slices[row["slice"]].landed_from.date() == row["landed_on"] for row in rows)


class FileSourceContract(LineSourceContract):
    """Tests that every source of files has to pass; its lines can be anything."""

    def test_lists_the_batches_of_late_events_and_one_more_at_each_end(self, tmp_path: Path) -> None:
        """From 21:00 on the 1st, when sessions around midnight show, to 04:00 on the 6th; one more before and after."""
        source = self.fill(tmp_path, {at(day): ["x"] for day in range(1, 12)})
        assert [item.landed_from for item in source.list_day(WINDOW).slices] == [at(day) for day in range(1, 7)]
        on_time = replace(WINDOW, days_late=0)
        assert [item.landed_from for item in source.list_day(on_time).slices] == [at(day) for day in range(1, 4)]

    def test_lists_files_by_time(self, tmp_path: Path) -> None:
        source = self.fill(tmp_path, {at(2, hour): ["x"] for hour in (9, 3, 6)})
        assert [item.landed_from.hour for item in source.list_day(WINDOW).slices] == [3, 6, 9]

    @pytest.mark.spark
    def test_reads_any_lines_unchanged_with_their_slice_and_date(self, spark: "SparkSession", tmp_path: Path) -> None:
        source = self.fill(tmp_path, {at(2, 5): LINES, at(3, 5): [*LINES, "the second"]})
        slices = source.list_day(WINDOW).slices
        frame = source.read(spark, slices)
        assert ", ".join(f"{name} {type_}" for name, type_ in frame.dtypes) == LINE_SCHEMA
        rows = Counter(map(tuple, frame.collect()))
        first, second = date(2026, 3, 2), date(2026, 3, 3)
        expected = [(line, 0, first) for line in LINES] + [(line, 1, second) for line in [*LINES, "the second"]]
        assert rows == Counter(expected)


def event_id(name: str) -> str:
    """Return the id of the event of `tests.events.lines.line`."""
    return str(uuid.uuid5(NAMES, name))


def event_of(row: Any) -> str:
    """Return the id of an event that a source has read."""
    return str(row["line"].split("\t")[FIELDS.index("event_id")] if "line" in row else row["event_id"])


def landed_lines(folder: Path) -> dict[datetime, list[str]]:
    """Return the lines of a landing folder by the times of their runs."""
    batches: dict[datetime, list[str]] = {}
    for path in sorted(folder.glob("run=*/*")):
        when = datetime.strptime(path.parent.name, "run=%Y-%m-%d-%H-%M-%S").replace(tzinfo=UTC)
        text = gzip.decompress(path.read_bytes()).decode()
        batches.setdefault(when, []).extend(text.removesuffix("\n").split("\n"))
    return batches


def cleaned(spark: "SparkSession", source: EventSource) -> tuple[list[Any], list[Any]]:
    """Return the events and orders of the clean day, in the order in which they are written."""
    with closing(source), cleaned_day(spark, source, WINDOW.day, OPTIONS) as day:
        return day.events.collect(), sorted(map(tuple, day.orders.collect()))
