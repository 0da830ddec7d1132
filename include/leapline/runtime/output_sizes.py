"""Measure the output of a step for its data day: bytes of all files, and rows of the parquet files among them."""

from datetime import date
from pathlib import Path

from leapline.datasets import datasets_of
from leapline.storage import Lake


def measure_outputs(lake: Lake, step: str, day: date) -> dict[str, dict[str, int]]:
    """Dataset -> `{"bytes": b, "rows": r}` of what the step has committed; rows only where there is a table."""
    return {name: _size(lake.current(name, day)) for name in datasets_of(step) if lake.has(name, day)}


def _size(folder: Path) -> dict[str, int]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    tables = [path for path in files if path.suffix == ".parquet"]
    size = {"bytes": sum(path.stat().st_size for path in files)}
    return size | ({"rows": sum(map(_rows, tables))} if tables else {})


def _rows(path: Path) -> int:
    """From the file's footer; no data is read."""
    from pyarrow.parquet import ParquetFile

    with ParquetFile(path) as table:
        return int(table.metadata.num_rows)
