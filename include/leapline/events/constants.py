"""What is the same for every line of a night, as columns of a broadcast one-row table rather than as literals.

A literal stands in the plan, in its text in the history server and in the logs, where the pseudonym key must not be;
and it stands in the code that Spark generates, which the next day would have to generate and compile again.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def with_constants(frame: DataFrame, values: Mapping[str, bytes | datetime | str]) -> DataFrame:
    """The frame with a column more for each value, the same in every row.

    Args:
        values: column name to bytes (binary), an aware datetime (timestamp) or text (string).
    """
    table = pa.table({name: [_micros(v) if isinstance(v, datetime) else v] for name, v in values.items()})
    instants = {name: F.timestamp_micros(name) for name, v in values.items() if isinstance(v, datetime)}
    row = frame.sparkSession.createDataFrame(table).withColumns(instants)
    return frame.crossJoin(F.broadcast(row))


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)
