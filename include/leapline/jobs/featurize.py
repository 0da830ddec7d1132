"""Events into examples: one row a session, its features and whether it bought."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from leapline.features import spec as specs
from leapline.jobs.days import checked_days
from leapline.jobs.run import Run, main
from leapline.jobs.session import spark_session
from leapline.settings import Settings
from leapline.storage import Lake, read_json, write_json

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def run(settings: Settings, run: Run) -> dict[str, Any]:
    """Examples of the data day, and of those training days whose events or spec have changed since.

    Raises:
        NotInLakeError: the day was not extracted.
        SpecError: the feature spec is malformed.
    """
    lake, spec = Lake(settings.home), specs.default()
    lake.current("events", run.day)
    days = [*(d for d in checked_days(lake, settings, run.day) if not _is_fresh(lake, d, spec)), run.day]
    with spark_session(settings, "featurize") as spark:
        return {day.isoformat(): build_day(spark, lake, day, spec) for day in days}


def build_day(spark: "SparkSession", lake: Lake, day: date, spec: specs.FeatureSpec) -> dict[str, Any]:
    """Build one day's examples and swap them in."""
    source = lake.current("events", day)
    with lake.attempt("examples", day) as out:
        examples_of(spark.read.parquet(str(source / "events")), spec).write.parquet(str(out / "examples"))
        written = spark.read.parquet(str(out / "examples"))
        row = written.selectExpr("count(1)", "count_if(label = 1)").first()
        examples, positives = (row[0], row[1]) if row else (0, 0)
        summary = {"examples": examples, "positives": positives, "features": len(spec.columns)}
        (out / "features.json").write_text(spec.dumps(), encoding="utf-8")
        write_json(out / "examples.json", summary | {"source": source.name})
    return summary


def examples_of(events: "DataFrame", spec: specs.FeatureSpec) -> "DataFrame":
    """The examples of clean events, cut and labelled, with the features of any spec."""
    from leapline.features.compile import session_features
    from leapline.training.examples import build

    def features(prefix: "DataFrame", carry: Sequence[str]) -> "DataFrame":
        return session_features(prefix, spec, carry)

    return build(events, features)


def _is_fresh(lake: Lake, day: date, spec: specs.FeatureSpec) -> bool:
    """Whether the examples were made of these very events with this very spec."""
    if not lake.has("examples", day):
        return False
    made = lake.current("examples", day)
    same_events = read_json(made / "examples.json")["source"] == lake.current("events", day).name
    return same_events and (made / "features.json").read_text(encoding="utf-8") == spec.dumps()


if __name__ == "__main__":
    main("featurize", run)
