"""The vocabularies of popular items and categories, found in the training examples."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def most_clicked(examples: "DataFrame", column: str, size: int) -> tuple[str, ...]:
    """The ids with the most clicks, most first, of equal ones the smaller (bytes) first.

    Args:
        examples: one row a session.
        column: a list of (id, clicks, milliseconds).
        size: how many at most.
    """
    clicks = examples.selectExpr(f"inline({column})").groupBy("id").agg({"clicks": "sum"}).toDF("id", "clicks")
    ranked = clicks.orderBy("clicks", "id", ascending=[False, True]).limit(size)
    return tuple(row["id"] for row in ranked.collect())
