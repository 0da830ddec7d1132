"""The data that a step works on: one day of the lake, read with one Spark session."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal

from leapline.modelling.days import training_days
from leapline.settings import Settings
from leapline.storage import Lake

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ExampleTable = Literal["examples", "items"]
"""The examples of sessions, or of session-item pairs."""


@dataclass(frozen=True)
class DayData:
    """A data day in the lake, and the Spark session to read it with."""

    spark: "SparkSession"
    settings: Settings
    lake: Lake
    day: date

    def events(self) -> "DataFrame":
        """Return the day's clean events.

        Raises:
            NotInLakeError: the day was not extracted.
        """
        return self.spark.read.parquet(self.lake.address(self.lake.current("events", self.day), "events"))

    def examples(self, table: ExampleTable = "examples", *days: date) -> "DataFrame":
        """Return the examples of some days, of the data day if none is given; fitted features are still raw inputs.

        Raises:
            NotInLakeError: a day has no examples.
        """
        folders = [self.lake.current("examples", d) for d in days or (self.day,)]
        return self.spark.read.parquet(*(self.lake.address(folder, table) for folder in folders))

    def split(self, table: ExampleTable = "examples") -> "tuple[DataFrame, DataFrame]":
        """Return the examples for training, and those of the holdout.

        The holdout is the data day, training uses the days before; without training days, both are parts of the day. No
        session and no visitor of the holdout is in the training examples.

        Raises:
            TrainingError: no day of the training window has examples.
        """
        from leapline.training.examples import split_by_time, without_visitors_of

        if self.settings.training_days == 0:
            training, holdout = split_by_time(self.examples(table))
        else:
            training = self.examples(table, *training_days(self.settings, self.lake, self.day))
            holdout = self.examples(table)
        return without_visitors_of(training, holdout), holdout
