"""Events into examples: of sessions, whole and cut at several points, and of session-item pairs, with their labels."""

from datetime import date
from typing import TYPE_CHECKING, Any

from leapline.modelling.days import checked_days
from leapline.modelling.example_config import EXAMPLES_FORMAT_VERSION, FACTS, FEATURES, ITEM_FEATURES, ExampleConfig
from leapline.runtime.context import RunContext
from leapline.runtime.spark import spark_session
from leapline.runtime.step import main
from leapline.settings import Settings
from leapline.storage import Lake, json_bytes, read_json, write_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession


# Aggregation of lists by hash gives up at 128 groups, then sorts for its first half and again for its second.
_SORTED = {"spark.sql.execution.useObjectHashAggregateExec": "false"}


def run(settings: Settings, context: RunContext) -> dict[str, Any]:
    """Examples of the data day, and of those training days whose events or spec have changed since.

    Raises:
        NotInLakeError: the day was not extracted.
        SpecError: a feature spec is malformed.
    """
    lake, config = Lake(settings.home), ExampleConfig.of(settings)
    lake.current("events", context.day)
    days = [*(d for d in checked_days(lake, settings, context.day) if not _is_fresh(lake, d, config)), context.day]
    with spark_session(settings, "featurize", _SORTED) as spark:
        return {day.isoformat(): build_day(spark, lake, day, config) for day in days}


def build_day(spark: "SparkSession", lake: Lake, day: date, config: ExampleConfig) -> dict[str, Any]:
    """Build one day's examples and swap them in."""
    from leapline.training.examples import kept_examples, pair_examples, session_examples

    source = lake.current("events", day)
    events = spark.read.parquet(str(source / "events"))
    with lake.attempt("examples", day) as out:
        with kept_examples(events, config.per_session) as numbered:
            session_examples(numbered, config.sessions).write.parquet(str(out / "examples"))
            pair_examples(numbered, config.items).write.parquet(str(out / "items"))
        summary = _counted(spark, out) | {"features": len(config.sessions.columns)}
        write_bytes(out / FEATURES, config.sessions.dumps().encode())
        write_bytes(out / ITEM_FEATURES, config.items.dumps().encode())
        facts = {"source": source.name, "way": EXAMPLES_FORMAT_VERSION, "per_session": config.per_session}
        write_bytes(out / FACTS, json_bytes(summary | facts))
    return summary


def _counted(spark: "SparkSession", out: "Path") -> dict[str, int]:
    """Examples by what they are for. `positives` are the buyers among the whole sessions."""
    columns = ("count(1)", "count_if(whole)", "count_if(whole AND label = 1)")
    row = spark.read.parquet(str(out / "examples")).selectExpr(*columns).first()
    pairs = spark.read.parquet(str(out / "items")).selectExpr("count(1)", "count_if(label = 1)").first()
    examples, sessions, positives = row or (0, 0, 0)
    items, bought = pairs or (0, 0)
    return {"examples": examples, "sessions": sessions, "positives": positives, "pairs": items, "bought_pairs": bought}


def _is_fresh(lake: Lake, day: date, config: ExampleConfig) -> bool:
    """Whether the examples were made of these very events in this very way."""
    if not lake.has("examples", day):
        return False
    examples = lake.current("examples", day)
    return read_json(examples / FACTS)["source"] == lake.current("events", day).name and config.matches(examples)


if __name__ == "__main__":
    main("featurize", run)
