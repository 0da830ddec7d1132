"""Spark reads local text files, compressed or not, line by line.

Hadoop chooses the decompressor by the file's name, but names are often wrong or have no extension. Therefore the
content decides here, and a file whose name Spark would misread is read through a link with a suitable name.
"""

import atexit
import re
import shutil
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from leapline.settings import is_url
from leapline.sources.source import LINE_SCHEMA, Slice

_CODEC_EXTENSIONS: Final = frozenset({".gz", ".bz2", ".zst", ".deflate", ".snappy", ".lz4"})
"""Name extensions by which Hadoop chooses a decompressor."""
_SAFE_PATH: Final = re.compile(r"[\w/.=+-]+", re.ASCII)
"""Paths that Spark reads unchanged: no glob characters, nothing that a URI encodes."""


def read_text_files(spark: SparkSession, slices: Sequence[Slice]) -> DataFrame:
    """Return the lines of local files.

    Args:
        slices: files; `location` is a path.

    Returns:
        Columns as in `LINE_SCHEMA`.
    """
    links = _Links()
    paths: dict[str, int] = {links.readable(item): number for number, item in enumerate(slices) if item.size}
    if not paths:
        return spark.createDataFrame([], LINE_SCHEMA)
    text = spark.read.option("lineSep", "\n").text(list(paths))
    lines = text.select(_without_return(F.col("value")).alias("line"), F.col("_metadata.file_path").alias("path"))
    numbers = F.broadcast(_slice_numbers(spark, paths, [item.landed_from.date() for item in slices]))
    return lines.join(numbers, "path", "left").select("line", "slice", "landed_on")


def _slice_numbers(spark: SparkSession, paths: dict[str, int], dates: list[date]) -> DataFrame:
    """Return `path, slice, landed_on`. Spark reports a path as `file:/...` or `file:///...`; both are listed."""
    rows: list[tuple[str, int, Any]] = [
        (f"{scheme}{path}", number, dates[number])
        for path, number in paths.items()
        for scheme in (("",) if is_url(path) else ("file:", "file://"))
    ]
    columns = dict(zip(("path", "slice", "landed_on"), map(list, zip(*rows, strict=True)), strict=True))
    return spark.createDataFrame(pa.table({**columns, "slice": pa.array(columns["slice"], pa.int32())}))


def _without_return(line: Column) -> Column:
    return F.when(line.endswith("\r"), F.left(line, F.length(line) - 1)).otherwise(line)


class _Links:
    """Links with names that Spark reads correctly; removed when the process ends."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._count = 0

    def readable(self, item: Slice) -> str:
        """Return a path or address under which Spark reads a file's content."""
        if is_url(item.location):
            return item.location
        path = Path(item.location).absolute()
        extension = path.suffix if path.suffix in _CODEC_EXTENSIONS else ""
        fits = extension == item.extension and _SAFE_PATH.fullmatch(str(path))
        return str(path if fits else self._link(path, item.extension))

    def _link(self, path: Path, extension: str) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="leapline-links-"))
            atexit.register(shutil.rmtree, self._folder, ignore_errors=True)
        self._count += 1
        link = self._folder / f"slice-{self._count:06d}{extension}"
        link.symlink_to(path.resolve())
        return link
