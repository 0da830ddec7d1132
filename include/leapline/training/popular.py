"""Vocabularies of popular items and categories, fitted on the training examples."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def most_clicked(examples: "DataFrame", column: str, size: int) -> tuple[str, ...]:
    """Return the ids with the most clicks, in descending order; ties are sorted by id (bytes).

    Args:
        examples: one row per session.
        column: a list of (id, clicks, milliseconds).
        size: maximum number of ids.
    """
    clicks = examples.selectExpr(f"inline({column})").groupBy("id").agg({"clicks": "sum"}).toDF("id", "clicks")
    ranked = clicks.orderBy("clicks", "id", ascending=[False, True]).limit(size)
    return tuple(row["id"] for row in ranked.collect())
