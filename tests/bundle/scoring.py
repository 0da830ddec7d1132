"""Conversion of Spark data frames to leap frames and expected outputs."""

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

TYPES = {"string": "string", "double": "double", "float": "float", "int": "integer", "bigint": "long"}


def leap_frame(rows: "DataFrame") -> dict[str, Any]:
    """Convert rows to a leap frame. NaN becomes null, which means NaN in a column that is not nullable."""
    fields = [{"name": f.name, "type": _type(f)} for f in rows.schema.fields]
    return {"schema": {"fields": fields}, "rows": [[_plain(cell) for cell in row] for row in rows.collect()]}


def _type(field: Any) -> Any:
    base = TYPES[field.dataType.simpleString()]
    return base if field.nullable else {"type": "basic", "base": base, "isNullable": False}


def answers(transformed: "DataFrame", columns: list[str]) -> list[dict[str, Any]]:
    """Return output columns of Spark, with dense vectors and null for NaN."""
    return [{c: _plain(row[c]) for c in columns} for row in transformed.select(columns).collect()]


def _plain(cell: Any) -> Any:
    if hasattr(cell, "toArray"):
        return [_plain(float(v)) for v in cell.toArray()]
    return None if isinstance(cell, float) and math.isnan(cell) else cell
