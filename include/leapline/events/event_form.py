"""What cleaning needs to know of the form in which a source provides events."""

from typing import Protocol

from pyspark.sql import Column, DataFrame


class EventForm(Protocol):
    """A form of events."""

    event_data: str
    """SQL of the struct with the fields of the self-describing event that the mapping reads."""

    def size(self) -> Column:
        """Return the bytes of an event that the source has read."""

    def with_times(self, raw: DataFrame) -> DataFrame:
        """Add each event's arrival and event time, as `lines.with_times`."""

    def split(self, timed: DataFrame) -> DataFrame:
        """Replace the event's content by its columns, as `lines.split_fields`."""

    def entities(self, usable: Column) -> Column:
        """Return the entities that the mapping reads in `contexts`, of events for which `usable` is true."""

    def derived(self, usable: Column) -> Column:
        """Return the entities that the mapping reads in `derived_contexts`, likewise."""
