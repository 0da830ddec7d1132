"""Which examples train, which ones judge, and what the model says of them."""

import hashlib
from datetime import date
from typing import TYPE_CHECKING

from leapline.errors import TrainingError
from leapline.jobs.days import checked_days, training_window
from leapline.settings import Settings
from leapline.storage import Lake

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel
    from pyspark.sql import DataFrame, SparkSession

SCORE = "score"


def split(spark: "SparkSession", settings: Settings, lake: Lake, day: date) -> tuple["DataFrame", "DataFrame"]:
    """Training and holdout examples: days before and the data day, or, with no training days, the day's two parts.

    No session and no visitor of the holdout is in the training examples.

    Raises:
        TrainingError: no day of the window has examples.
    """
    from leapline.training.examples import split_by_time, without_visitors_of

    if settings.training_days == 0:
        training, holdout = split_by_time(_read(spark, lake, day))
    else:
        training, holdout = _read(spark, lake, *days_trained_on(settings, lake, day)), _read(spark, lake, day)
    return without_visitors_of(training, holdout), holdout


def days_trained_on(settings: Settings, lake: Lake, day: date) -> list[date]:
    """The days of the window whose events passed their check and have become examples.

    Raises:
        TrainingError: there is none.
    """
    if settings.training_days == 0:
        return [day]
    days = [d for d in checked_days(lake, settings, day) if lake.has("examples", d)]
    if not days:
        window = training_window(settings, day)
        raise TrainingError(
            f"training days {window[0]} to {window[-1]}",
            found="no examples on any of them",
            expected="at least one day with checked events before the data day",
            fix="Choose a later date, more training days, or 0 of them to train and judge within the day.",
        )
    return days


def score(model: "PipelineModel", examples: "DataFrame") -> "DataFrame":
    """The examples with `score`, the model's uncalibrated probability of class 1."""
    from pyspark.ml.functions import vector_to_array

    scored = model.transform(examples)
    return scored.select(*examples.columns, vector_to_array(scored["probability"])[1].alias(SCORE))


def content_digest(examples: "DataFrame") -> str:
    """A digest of the rows that no order and no partitioning changes: their number, and two sums over their hashes."""
    columns = ", ".join(f"`{name}`" for name in sorted(examples.columns))
    hashed = examples.selectExpr(f"xxhash64({columns}) AS h", f"hash({columns}) AS g")
    row = hashed.selectExpr("count(1)", "bit_xor(h)", "sum(CAST(g AS BIGINT))").head()
    text = ":".join(str(part) for part in row or ())
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read(spark: "SparkSession", lake: Lake, *days: date) -> "DataFrame":
    return spark.read.parquet(*(str(lake.current("examples", day) / "examples") for day in days))
