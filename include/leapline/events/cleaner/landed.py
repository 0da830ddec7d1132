"""Landed files that the program `cleaner` opens itself, distributed over Spark's tasks."""

import heapq
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from leapline.sources.source import Slice

COLUMNS: Final = ("bin", "path", "extension", "first", "last", "slice", "landed_on")
_PART: Final = 64 * 2**20
"""Bytes of a plain file that one task reads at a time; compressed files are read whole."""
_OPENING: Final = 100_000
"""Bytes that can be read in the time that it takes to open a file."""
_BINS_PER_CORE: Final = 4
"""More tasks than cores, so that the last ones end together."""


def file_frame(spark: SparkSession, slices: Sequence[Slice], paths: Sequence[Path]) -> DataFrame:
    """Return the parts of all files, each task's in one partition; columns of `COLUMNS`.

    Args:
        spark: a session.
        slices: the files as listed.
        paths: of the files, one per slice.
    """
    parts = [
        part
        for number, (item, path) in enumerate(zip(slices, paths, strict=True))
        for part in _parts(number, item, path)
    ]
    bins = max(1, min(len(parts), _BINS_PER_CORE * spark.sparkContext.defaultParallelism))
    loads = [(0, number) for number in range(bins)]
    for part in sorted(parts, key=lambda part: (-part["size"], part["slice"], part["first"])):
        load, number = heapq.heappop(loads)
        part["bin"] = number
        heapq.heappush(loads, (load + part["size"], number))
    columns = {name: [part[name] for part in parts] for name in COLUMNS}
    types = {"bin": pa.int32(), "slice": pa.int32(), "first": pa.int64(), "last": pa.int64(), "landed_on": pa.date32()}
    arrays = {name: pa.array(values, types.get(name, pa.string())) for name, values in columns.items()}
    return spark.createDataFrame(pa.table(arrays)).repartitionById(bins, "bin")


def _parts(number: int, item: Slice, path: Path) -> Iterator[dict[str, Any]]:
    size = item.size or 0
    common = {"path": str(path), "extension": item.extension, "slice": number, "landed_on": item.landed_from.date()}
    if item.extension or size <= _PART:
        if size:
            yield common | {"first": 0, "last": -1, "size": size + _OPENING}
        return
    for first in range(0, size, _PART):
        last = min(first + _PART, size)
        yield common | {"first": first, "last": last, "size": last - first + _OPENING}
