"""Measure the output of a step for its data day: bytes of all files, and rows of the parquet files among them."""

from datetime import date

from leapline.datasets import datasets_of
from leapline.storage import Folder, Lake
from leapline.storage.store import Item, open_stored


def measure_outputs(lake: Lake, step: str, day: date) -> dict[str, dict[str, int]]:
    """Dataset -> `{"bytes": b, "rows": r}` of what the step has committed; rows only where there is a table."""
    return {name: _size(lake, lake.current(name, day)) for name in datasets_of(step) if lake.has(name, day)}


def _size(lake: Lake, folder: Folder) -> dict[str, int]:
    files = list(lake.files(folder))
    tables = [file for file in files if file.key.endswith(".parquet")]
    size = {"bytes": sum(file.size for file in files)}
    return size | ({"rows": sum(_rows(lake, table) for table in tables)} if tables else {})


def _rows(lake: Lake, table: Item) -> int:
    """From the file's footer; no data is read."""
    from pyarrow.parquet import ParquetFile

    with open_stored(lake.store, table) as file, ParquetFile(file) as content:
        return int(content.metadata.num_rows)
