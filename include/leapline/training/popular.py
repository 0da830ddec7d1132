"""Vocabularies of popular items and categories, fitted on the training examples."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def most_clicked(examples: "DataFrame", column: str, size: int, min_visitors: int = 1) -> tuple[str, ...]:
    """Return the ids with the most clicks, in descending order; ties are sorted by id (bytes).

    Args:
        examples: one row per session, with `visitor`.
        column: a list of (id, clicks, milliseconds).
        size: maximum number of ids.
        min_visitors: the least number of visitors that must have clicked on an id.
    """
    by_visitor = examples.selectExpr("visitor", f"inline({column})").groupBy("id", "visitor").agg({"clicks": "sum"})
    clicks = by_visitor.toDF("id", "visitor", "clicks").groupBy("id").agg({"clicks": "sum", "visitor": "count"})
    clicks = clicks.where(f"`count(visitor)` >= {min_visitors}").selectExpr("id", "`sum(clicks)` AS clicks")
    ranked = clicks.orderBy("clicks", "id", ascending=[False, True]).limit(size)
    return tuple(row["id"] for row in ranked.collect())
