"""Events into examples: of sessions, whole and cut at several points, and of session-item pairs, with their labels."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from leapline.features.spec import FeatureSpec, wanted
from leapline.jobs.days import checked_days
from leapline.jobs.run import Run, main
from leapline.jobs.session import spark_session
from leapline.settings import Settings
from leapline.storage import Lake, json_bytes, read_json, write_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession


FEATURES, ITEM_FEATURES, FACTS = "features.json", "item_features.json", "examples.json"
WAY = 2
"""How a session's beginnings are chosen; another number where that changes, so that older examples are made again."""

# Aggregation of lists by hash gives up at 128 groups, then sorts for its first half and again for its second.
_SORTED = {"spark.sql.execution.useObjectHashAggregateExec": "false"}


@dataclass(frozen=True)
class Wanted:
    """What a day's examples are made by.

    Attributes:
        sessions: the features of sessions; what they learn is not filled in yet.
        items: those of session-item pairs.
        per_session: examples a session, at most.
    """

    sessions: FeatureSpec
    items: FeatureSpec
    per_session: int

    @classmethod
    def of(cls, settings: Settings) -> "Wanted":
        """As the settings name them.

        Raises:
            SpecError: a feature spec is malformed, or of the other unit.
        """
        sessions, items = wanted(settings.features, "session"), wanted(settings.item_features, "pair")
        return cls(sessions.unlearnt, items.unlearnt, settings.examples_per_session)

    def made(self, folder: "Path") -> bool:
        """Whether the examples in a folder were made by these."""
        if not (folder / ITEM_FEATURES).exists():
            return False
        texts = ((folder / name).read_text(encoding="utf-8") for name in (FEATURES, ITEM_FEATURES))
        same_specs = list(texts) == [self.sessions.dumps(), self.items.dumps()]
        facts = read_json(folder / FACTS)
        return same_specs and (facts.get("way"), facts.get("per_session")) == (WAY, self.per_session)


def run(settings: Settings, run: Run) -> dict[str, Any]:
    """Examples of the data day, and of those training days whose events or spec have changed since.

    Raises:
        NotInLakeError: the day was not extracted.
        SpecError: a feature spec is malformed.
    """
    lake, wanted = Lake(settings.home), Wanted.of(settings)
    lake.current("events", run.day)
    days = [*(d for d in checked_days(lake, settings, run.day) if not _is_fresh(lake, d, wanted)), run.day]
    with spark_session(settings, "featurize", _SORTED) as spark:
        return {day.isoformat(): build_day(spark, lake, day, wanted) for day in days}


def build_day(spark: "SparkSession", lake: Lake, day: date, wanted: Wanted) -> dict[str, Any]:
    """Build one day's examples and swap them in."""
    from leapline.training.examples import kept_examples, pair_examples, session_examples

    source = lake.current("events", day)
    events = spark.read.parquet(str(source / "events"))
    with lake.attempt("examples", day) as out:
        with kept_examples(events, wanted.per_session) as numbered:
            session_examples(numbered, wanted.sessions).write.parquet(str(out / "examples"))
            pair_examples(numbered, wanted.items).write.parquet(str(out / "items"))
        summary = _counted(spark, out) | {"features": len(wanted.sessions.columns)}
        write_bytes(out / FEATURES, wanted.sessions.dumps().encode())
        write_bytes(out / ITEM_FEATURES, wanted.items.dumps().encode())
        write_bytes(
            out / FACTS, json_bytes(summary | {"source": source.name, "way": WAY, "per_session": wanted.per_session})
        )
    return summary


def _counted(spark: "SparkSession", out: "Path") -> dict[str, int]:
    """Examples by what they are for. `positives` are the buyers among the whole sessions."""
    columns = ("count(1)", "count_if(whole)", "count_if(whole AND label = 1)")
    row = spark.read.parquet(str(out / "examples")).selectExpr(*columns).first()
    pairs = spark.read.parquet(str(out / "items")).selectExpr("count(1)", "count_if(label = 1)").first()
    examples, sessions, positives = row or (0, 0, 0)
    items, bought = pairs or (0, 0)
    return {"examples": examples, "sessions": sessions, "positives": positives, "pairs": items, "bought_pairs": bought}


def _is_fresh(lake: Lake, day: date, wanted: Wanted) -> bool:
    """Whether the examples were made of these very events in this very way."""
    if not lake.has("examples", day):
        return False
    made = lake.current("examples", day)
    return read_json(made / FACTS)["source"] == lake.current("events", day).name and wanted.made(made)


if __name__ == "__main__":
    main("featurize", run)
