"""Which examples train, which ones judge, and what the model says of them."""

import hashlib
from datetime import date
from typing import TYPE_CHECKING, Literal

from leapline.errors import TrainingError
from leapline.features.spec import FeatureSpec, in_a_row
from leapline.modelling.days import checked_days, training_window
from leapline.settings import Settings
from leapline.storage import Lake

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel
    from pyspark.sql import DataFrame, SparkSession

    from leapline.training.markov import Chains

SCORE, BASELINE = "score", "baseline"
Table = Literal["examples", "items"]


def split(
    spark: "SparkSession", settings: Settings, lake: Lake, day: date, table: Table = "examples"
) -> tuple["DataFrame", "DataFrame"]:
    """Training and holdout examples: days before and the data day, or, with no training days, the day's two parts.

    No session and no visitor of the holdout is in the training examples. The features that are made of what training
    learns are not there yet: see `finished`.

    Args:
        table: the examples of sessions, or of session-item pairs.

    Raises:
        TrainingError: no day of the window has examples.
    """
    from leapline.training.examples import split_by_time, without_visitors_of

    if settings.training_days == 0:
        training, holdout = split_by_time(read(spark, lake, table, day))
    else:
        days = days_trained_on(settings, lake, day)
        training, holdout = read(spark, lake, table, *days), read(spark, lake, table, day)
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


def finished(examples: "DataFrame", spec: FeatureSpec) -> "DataFrame":
    """The examples with all the features of a spec whose learnt part is filled, without what these are made of."""
    from leapline.features.compile import finish

    made = finish(examples, spec)
    return made.select(*(name for name in made.columns if not name.startswith("_")))


def learnt(spec: FeatureSpec, examples: "DataFrame", chains: "Chains") -> FeatureSpec:
    """The spec with what the training examples teach.

    Args:
        spec: what is to be learnt.
        examples: of sessions (the whole ones count) or of pairs (each session counts once).
        chains: of the same training days.
    """
    from leapline.features.learnt import POPULAR
    from leapline.training.popular import most_clicked

    once = examples.where("whole") if "whole" in examples.columns else examples.dropDuplicates(["session"])
    asked = spec.popular.items()
    words = {name: most_clicked(once, f"{POPULAR}{name}", feature.k) for name, feature in asked}
    return spec.learnt(words, chains.table)


def with_baseline(examples: "DataFrame", chains: "Chains") -> "DataFrame":
    """The examples of sessions with `baseline`, the Markov chains' own probability to buy."""
    from pyspark.sql.functions import expr

    from leapline.features.learnt import log_odds

    odds = f"{chains.prior!r}D + {log_odds(in_a_row(chains.table))}"
    return examples.withColumn(BASELINE, expr(f"1D / (1D + exp(-({odds})))"))


def read(spark: "SparkSession", lake: Lake, table: Table, *days: date) -> "DataFrame":
    """A table of examples of some days, as `featurize` left it."""
    return spark.read.parquet(*(str(lake.current("examples", day) / table) for day in days))
