"""Erase visitors from the lake: their events, orders, examples and scores, of all days and all attempts.

    exclusion list ─▶ days that contain the visitors ─▶ each dataset written again without them ─▶ read again: none left

The list comes first, so that a run that begins meanwhile does not read the events from the source again. A run that is
between two steps ends with an error, because its inputs have changed, and can be started again. Repeating an erasure
that was interrupted completes it.

What stays: counts and metrics, models (which contain no value of fewer than `min_visitors_per_value` visitors), and the
lines at the source, which Leapline does not own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from leapline.errors import ErasureError
from leapline.privacy.begun import Numbers, begun_orders, note_begun
from leapline.privacy.rewriting import Rows, parts_of, rewrite
from leapline.records import binding
from leapline.storage import Folder, Lake, read_json, write_json

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

PROBE_ROWS: Final = "probe_rows.json"
PROBE_EVENTS: Final = "probe_events"
SCORES: Final = ("scores.parquet", "item_scores.parquet")


@dataclass(frozen=True)
class Erased:
    """What was removed from one day.

    Attributes:
        day: the data day, ISO 8601.
        events, sessions, orders: removed from the day's clean events and orders.
        examples, pairs: removed from the day's examples of sessions and of items.
        scores: sessions removed from the day's evaluation.
    """

    day: str
    events: int = 0
    sessions: int = 0
    orders: int = 0
    examples: int = 0
    pairs: int = 0
    scores: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the content of the JSON file."""
        return asdict(self)


def erase(spark: "SparkSession", lake: Lake, visitors: Sequence[str]) -> list[Erased]:
    """Erase visitors, and prove it by reading all days again.

    Args:
        spark: a session.
        lake: to erase from.
        visitors: pseudonyms.

    Returns:
        One entry per day that contained one of them, also before an erasure that was interrupted.

    Raises:
        ErasureError: rows of a visitor are still there.
    """
    days = days_of(spark, lake, visitors)
    orders = sorted({*orders_of(spark, lake, days, visitors), *begun_orders(lake)})
    with_orders = _days_with(spark, lake, "orders", "orders", "order", orders)
    begun = note_begun(lake, {day: _numbers(spark, lake, day) for day in sorted({*days, *with_orders})}, orders)
    # Orders first: they can be recognised only while the events are there.
    for day in with_orders:
        rewrite(spark, lake, "orders", day, {"orders": _without(spark, "order", orders)}, _nothing)
    for day in days:
        _erase_day(spark, lake, day, visitors)
    _remove_earlier_attempts(lake, begun.days)
    left = days_of(spark, lake, visitors)
    if left:
        raise ErasureError(
            f"erasure from {lake.store.address}",
            found=f"rows of the visitors on {', '.join(map(str, left))}, written meanwhile",
            expected="none",
            fix="Wait until no run of these days is active, then erase again.",
        )
    return [_erased(day, numbers, _numbers(spark, lake, day)) for day, numbers in sorted(begun.days.items())]


def _remove_earlier_attempts(lake: Lake, days: Iterable[date]) -> None:
    """An erasure that was interrupted has left days without the visitors whose attempt before still has them."""
    for day in days:
        for dataset in ("events", "orders", "checks", "examples", "evaluations"):
            lake.remove_others(dataset, day)


def days_of(spark: "SparkSession", lake: Lake, visitors: Sequence[str]) -> list[date]:
    """Return the days on which events, examples or scores of the visitors are in the lake."""
    tables = [("events", "events"), ("examples", "examples"), ("evaluations", "scores.parquet")]
    return sorted({day for places in tables for day in _days_with(spark, lake, *places, "visitor", visitors)})


def _days_with(
    spark: "SparkSession", lake: Lake, dataset: str, table: str, column: str, values: Sequence[str]
) -> list[date]:
    from pyspark.sql.functions import lit

    selected = listed(spark, column, values)

    def contains(day: date) -> bool:
        # With a schema of one column: Spark does not know the times of the scores, which are in nanoseconds.
        rows = spark.read.schema(f"`{column}` string").parquet(lake.address(lake.current(dataset, day), table))
        return rows.join(selected, column, "left_semi").select(lit(1)).head() is not None

    # Retention has removed the scores of old evaluations.
    return [day for day in lake.days(dataset) if table in parts_of(lake, dataset, day) and contains(day)]


def listed(spark: "SparkSession", column: str, values: Sequence[str]) -> "DataFrame":
    """Return values as a small table, so that no query plan contains them."""
    import pyarrow as pa
    from pyspark.sql.functions import broadcast

    return broadcast(spark.createDataFrame(pa.table({column: pa.array(values, pa.string())})))


def _without(spark: "SparkSession", column: str, values: Sequence[str]) -> Rows:
    selected = listed(spark, column, values)
    return lambda rows: rows.join(selected, column, "left_anti").select(*rows.columns)


def orders_of(spark: "SparkSession", lake: Lake, days: Sequence[date], visitors: Sequence[str]) -> set[str]:
    """Return the pseudonyms of the visitors' orders, which have the times of their purchases.

    An order of somebody else at the same instant, to the microsecond, is among them; if its confirmation page is loaded
    again on a later day, it counts again.
    """
    orders: set[str] = set()
    for day in (day for day in days if lake.has("events", day) and lake.has("orders", day)):
        events = spark.read.parquet(lake.address(lake.current("events", day), "events"))
        bought = events.where("kind = 'purchase'").join(listed(spark, "visitor", visitors), "visitor", "left_semi")
        rows = spark.read.parquet(lake.address(lake.current("orders", day), "orders"))
        orders |= {row["order"] for row in rows.join(bought.select("ts"), "ts", "left_semi").collect()}
    return orders


def _erase_day(spark: "SparkSession", lake: Lake, day: date, visitors: Sequence[str]) -> None:
    without_visitors = _without(spark, "visitor", visitors)
    source = _rewrite_events(spark, lake, day, without_visitors)
    if lake.has("examples", day):
        tables = {"examples": without_visitors, "items": without_visitors}
        rewrite(spark, lake, "examples", day, tables, lambda old, new: _note_source(new / "examples.json", source))
    if lake.has("evaluations", day) and SCORES[0] in parts_of(lake, "evaluations", day):
        _rewrite_evaluation(spark, lake, day, set(visitors), without_visitors)


def _rewrite_events(spark: "SparkSession", lake: Lake, day: date, without_visitors: Rows) -> str | None:
    """Return the name of the new attempt, which the check and the examples of the day then name as their source."""
    if not lake.has("events", day):
        return None
    source = rewrite(spark, lake, "events", day, {"events": without_visitors}, _nothing)
    if lake.has("checks", day):
        rewrite(spark, lake, "checks", day, {}, lambda old, new: _note_source(new / "result.json", source))
    return source


def _rewrite_evaluation(
    spark: "SparkSession", lake: Lake, day: date, visitors: set[str], without_visitors: Rows
) -> None:
    def finish(old: Folder, new: Path) -> None:
        import pandas as pd

        scores = pd.read_parquet(new / SCORES[0])
        gone = set(scores.loc[scores["visitor"].isin(visitors), "session"])
        for name in SCORES:
            if (new / name).exists():
                table = pd.read_parquet(new / name)
                table[~table["session"].isin(gone)].to_parquet(new / name, index=False)
        write_json(new / PROBE_ROWS, _without_sessions(read_json(new / PROBE_ROWS), gone))
        inputs = read_json(new / binding.SEAL)["inputs"] if (new / binding.SEAL).exists() else None
        if inputs is not None:
            binding.seal(lake, new, inputs)

    rewrite(spark, lake, "evaluations", day, {PROBE_EVENTS: without_visitors}, finish)


def _without_sessions(sample: dict[str, Any], gone: set[str]) -> dict[str, Any]:
    """Return the probe's sample without some sessions; samples of earlier versions do not name their sessions."""
    names = sample.get("sessions")
    if names is None:
        return sample | {"rows": [], "expected": []}
    stay = [number for number, name in enumerate(names) if name not in gone]
    return sample | {key: [sample[key][number] for number in stay] for key in ("rows", "expected", "sessions")}


def _nothing(old: Folder, new: Path) -> None:
    """Change no further file."""


def _note_source(path: Path, source: str | None) -> None:
    """Let a result name the events that it still fits, so that no step computes it again."""
    if source is not None:
        write_json(path, read_json(path) | {"source": source})


def _erased(day: date, before: Numbers, after: Numbers) -> Erased:
    """Return the differences; none is negative where a day was extracted again between two attempts."""
    return Erased(day.isoformat(), **{name: max(0, number - after[name]) for name, number in before.items()})


def _numbers(spark: "SparkSession", lake: Lake, day: date) -> Numbers:
    """Return the numbers of rows per table of a day, as in `Erased`."""

    def count(dataset: str, table: str, expression: str = "count(session)") -> int:
        if not lake.has(dataset, day) or table not in parts_of(lake, dataset, day):
            return 0
        address = lake.address(lake.current(dataset, day), table)
        row = spark.read.schema("session string, `order` string").parquet(address).selectExpr(expression).head()
        return int(row[0]) if row else 0

    return {
        "events": count("events", "events"),
        "sessions": count("events", "events", "count(DISTINCT session)"),
        "orders": count("orders", "orders", "count(`order`)"),
        "examples": count("examples", "examples"),
        "pairs": count("examples", "items"),
        "scores": count("evaluations", "scores.parquet"),
    }
