"""Spark reads text files, compressed or not, line by line."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from leapline.addresses import is_url
from leapline.sources.source import LINE_SCHEMA, Slice

_CODEC_EXTENSIONS: Final = frozenset({".gz", ".bz2", ".zst", ".deflate", ".snappy", ".lz4"})
"""Name extensions by which Hadoop chooses a decompressor."""
_SAFE_PATH: Final = re.compile(r"[\w/.=+-]+", re.ASCII)
"""Paths that Spark reads unchanged: no glob characters, nothing that a URI encodes."""


def read_text_files(
    spark: SparkSession, files: Sequence[tuple[str, Slice]], numbers: Sequence[int] | None = None
) -> DataFrame:
    """Return the lines of files.

    Args:
        spark: reads them.
        files: path or address under which Spark reads a file correctly, and the file.
        numbers: the slice of each file; None if each file is a slice.

    Returns:
        Columns as in `LINE_SCHEMA`.
    """
    numbered = zip(files, numbers or range(len(files)), strict=True)
    paths = {address: (number, item.landed_from.date()) for (address, item), number in numbered if item.size}
    if not paths:
        return spark.createDataFrame([], LINE_SCHEMA)
    text = spark.read.option("lineSep", "\n").text(list(paths))
    lines = text.select(_without_return(F.col("value")).alias("line"), F.col("_metadata.file_path").alias("path"))
    return lines.join(F.broadcast(_slice_numbers(spark, paths)), "path", "left").select("line", "slice", "landed_on")


def _slice_numbers(spark: SparkSession, paths: dict[str, tuple[int, date]]) -> DataFrame:
    """Return `path, slice, landed_on`. Spark reports a path as `file:/...` or `file:///...`; both are listed."""
    rows: list[tuple[str, int, Any]] = [
        (f"{scheme}{path}", number, landed_on)
        for path, (number, landed_on) in paths.items()
        for scheme in (("",) if is_url(path) else ("file:", "file://"))
    ]
    columns = dict(zip(("path", "slice", "landed_on"), map(list, zip(*rows, strict=True)), strict=True))
    return spark.createDataFrame(pa.table({**columns, "slice": pa.array(columns["slice"], pa.int32())}))


def _without_return(line: Column) -> Column:
    return F.when(line.endswith("\r"), F.left(line, F.length(line) - 1)).otherwise(line)
