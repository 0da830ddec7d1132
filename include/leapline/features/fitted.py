"""Features that depend on fitted tables, computed in two steps.

The first step, by the program that builds examples, leaves columns that do not depend on the tables: the session's
states as a text, one letter per event; the clicks and dwell of each of its items (categories) as a list. A day's
examples are therefore computed once: training fits vocabularies and tables from these columns without reading an event
again, and `apply_fitted` turns the columns into features. It is Spark SQL text: readable in a query plan, and without a
Python call per row.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from leapline.features import operations as ops
from leapline.features.spec import FeatureSpec

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

STATES = "_states"
"""Column of the session's states in order: `a` is the first of `operations.STATES`, `b` the second, ..."""
POPULAR = "_popular_"
"""Prefix of the column with the clicks and dwell of a vocabulary: a list of (id, clicks, milliseconds)."""
CLICKS: Final = "array<struct<id:string,clicks:bigint,ms:bigint>>"
"""Type of such a column; sorted by id."""

FittedFeature = ops.Popular | ops.Markov


def from_clicks_text(column: str) -> "Column":
    """Return a column of type `CLICKS` from one with the same as JSON."""
    from pyspark.sql.functions import from_json

    return from_json(column, CLICKS)


def apply_fitted(raw: "DataFrame", spec: FeatureSpec) -> "DataFrame":
    """Add the features that depend on fitted vocabularies and tables; their raw inputs stay."""
    columns = {f.name: value(f, spec) for f in spec.features if isinstance(f, ops.Popular | ops.Markov)}
    return raw.selectExpr("*", *(f"{sql} AS {name}" for name, sql in columns.items())) if columns else raw


def value(feature: FittedFeature, spec: FeatureSpec) -> str:
    """Return the feature as SQL over the columns of the first step: a double, never null."""
    return log_odds(spec.table()) if isinstance(feature, ops.Markov) else _popular(feature, spec)


def log_odds(entries: Sequence[int]) -> str:
    """Return SQL for the sum of log-odds over the session's states.

    Args:
        entries: the table as returned by `spec.flatten_table`.
    """
    table = f"array({', '.join(f'{entry}L' for entry in entries)})"
    to = f"ascii(substring({STATES}, i, 1)) - {ord('a')}"
    before = f"CASE WHEN i = 1 THEN 0 ELSE ascii(substring({STATES}, i - 1, 1)) - {ord('a') - 1} END"
    entry = f"get({table}, {len(ops.STATES)} * ({before}) + {to})"
    total = f"aggregate(sequence(1, length({STATES})), 0L, (total, i) -> total + {entry})"
    return f"CASE WHEN {STATES} = '' THEN 0D ELSE CAST({total} AS DOUBLE) / 1000000D END"


def _popular(feature: ops.Popular, spec: FeatureSpec) -> str:
    words = spec.vocabularies.get(feature.vocabulary, ())
    if len(words) < feature.k:
        return "0D"
    # Ids come from the web: as hexadecimal bytes they cannot inject SQL.
    word = f"CAST(X'{words[feature.k - 1].encode().hex()}' AS STRING)"
    entry = f"get(filter({POPULAR}{feature.vocabulary}, e -> e.id = {word}), 0)"
    clicks_or_seconds = f"{entry}.clicks" if feature.give == "clicks" else f"CAST({entry}.ms AS DOUBLE) / 1000D"
    return f"coalesce(CAST({clicks_or_seconds} AS DOUBLE), 0D)"
