"""Values that few visitors have stay out of models, and so out of images and model cards.

A rare value can be about a person: a text that the shop's software put into a category, or an item that was made for
one customer. No pattern detects that, but the number of visitors does.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_IS_FREQUENT = "_is_frequent"


def without_rare_values(examples: "DataFrame", columns: Sequence[str], min_visitors: int) -> "DataFrame":
    """Replace rare values by the missing category, "".

    The scorer treats a value that training has not seen as one more category, so it needs no list of rare values.

    Args:
        examples: with `visitor` and the columns.
        columns: columns of strings.
        min_visitors: the least number of visitors that a value must have.
    """
    from pyspark.sql.functions import broadcast, expr

    for name in columns if min_visitors > 1 else ():
        frequent = frequent_values(examples, name, min_visitors).selectExpr(f"`{name}`", f"true AS {_IS_FREQUENT}")
        value = expr(f"CASE WHEN {_IS_FREQUENT} THEN `{name}` ELSE '' END")
        joined = examples.join(broadcast(frequent), name, "left")
        examples = joined.withColumn(name, value).select(*examples.columns)
    return examples


def frequent_values(rows: "DataFrame", column: str, min_visitors: int) -> "DataFrame":
    """Return the values of a column that at least `min_visitors` visitors have, one row each."""
    visitors = rows.select(column, "visitor").distinct().groupBy(column).count()
    return visitors.where(f"count >= {min_visitors}").select(column)
