"""Values that are the same for every line of a day, as columns of a broadcast one-row table instead of literals.

A literal would appear in the query plan, in the history server and in the logs, where the pseudonym key must not be.
It would also be part of the code that Spark generates, so each day would have to generate and compile that code again.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def with_constants(frame: DataFrame, values: Mapping[str, bytes | datetime | str]) -> DataFrame:
    """Add one column per value, the same in every row.

    Args:
        frame: any rows.
        values: column name to bytes (binary), an aware datetime (timestamp) or text (string).
    """
    table = pa.table({name: [_micros(v) if isinstance(v, datetime) else v] for name, v in values.items()})
    instants = {name: F.timestamp_micros(name) for name, v in values.items() if isinstance(v, datetime)}
    row = frame.sparkSession.createDataFrame(table).withColumns(instants)
    return frame.crossJoin(F.broadcast(row))


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)
