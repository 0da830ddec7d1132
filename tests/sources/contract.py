"""The behaviour that every event source has. A source's tests subclass `EventSourceContract`."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from leapline.errors import InputError, NoEventsError
from leapline.sources.source import LINE_SCHEMA, DayWindow, EventSource

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

WINDOW = DayWindow(date(2026, 3, 2), timedelta(hours=3), timedelta(hours=3), days_late=3)
LINES = ["one\ttwo", "", 'a "quoted" \\ line', "Grüße \U0001f6d2", "{x,y}*?[z] ${spark.app.name} %20"]


def at(day: int, hour: int = 6) -> datetime:
    """Return a landing time in March 2026."""
    return datetime(2026, 3, day, hour, tzinfo=UTC)


class EventSourceContract(ABC):
    """Tests that every source has to pass."""

    @abstractmethod
    def fill(self, store: Path, batches: Mapping[datetime, Sequence[str]]) -> EventSource:
        """Create a source whose store has one slice per landing time with these lines."""

    @abstractmethod
    def missing(self, store: Path) -> EventSource:
        """Create a source whose store does not exist."""

    def test_lists_the_batches_of_late_events_and_one_more_at_each_end(self, tmp_path: Path) -> None:
        """From 21:00 on the 1st, when sessions around midnight show, to 04:00 on the 6th; one more before and after."""
        source = self.fill(tmp_path, {at(day): ["x"] for day in range(1, 12)})
        assert [item.landed_from for item in source.list_day(WINDOW).slices] == [at(day) for day in range(1, 7)]
        on_time = replace(WINDOW, days_late=0)
        assert [item.landed_from for item in source.list_day(on_time).slices] == [at(day) for day in range(1, 4)]

    def test_listing_is_ordered_and_names_are_unique(self, tmp_path: Path) -> None:
        source = self.fill(tmp_path, {at(2, hour): ["x"] for hour in (9, 3, 6)})
        slices = source.list_day(WINDOW).slices
        assert [item.landed_from.hour for item in slices] == [3, 6, 9]
        assert len({item.name for item in slices}) == 3
        assert source.list_day(WINDOW).slices == slices

    def test_missing_day_names_the_source_and_the_days_it_has(self, tmp_path: Path) -> None:
        source = self.fill(tmp_path, {at(12): ["x"], at(13): ["x"]})
        with pytest.raises(NoEventsError, match="found runs and files of 2026-03-12, 2026-03-13; expected") as error:
            source.list_day(WINDOW)
        assert error.value.thing == f"events of 2026-03-02 in {source.name}"

    def test_missing_store_is_an_input_error(self, tmp_path: Path) -> None:
        source = self.missing(tmp_path)
        with pytest.raises(InputError) as error:
            source.list_day(WINDOW)
        assert source.name in error.value.thing

    @pytest.mark.spark
    def test_reads_lines_unchanged_with_their_slice_and_date(self, spark: "SparkSession", tmp_path: Path) -> None:
        source = self.fill(tmp_path, {at(2, 5): LINES, at(3, 5): [*LINES, "the second"]})
        slices = source.list_day(WINDOW).slices
        frame = source.read(spark, slices)
        assert ", ".join(f"{name} {type_}" for name, type_ in frame.dtypes) == LINE_SCHEMA
        rows = Counter(map(tuple, frame.collect()))
        first, second = date(2026, 3, 2), date(2026, 3, 3)
        expected = [(line, 0, first) for line in LINES] + [(line, 1, second) for line in [*LINES, "the second"]]
        assert rows == Counter(expected)

    @pytest.mark.spark
    def test_reads_no_slices_as_no_lines(self, spark: "SparkSession", tmp_path: Path) -> None:
        source = self.fill(tmp_path, {at(2): ["x"]})
        assert source.read(spark, []).collect() == []
