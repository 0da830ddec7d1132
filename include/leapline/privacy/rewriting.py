"""Write a day of a dataset again without some visitors, and remove the attempts that still contain them."""

import shutil
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

from leapline.records import data_seals
from leapline.storage import Folder, Lake

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Rows = Callable[["DataFrame"], "DataFrame"]
"""Removes rows from a table."""

SORTED_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "events": ("session", "ts", "event_id"), "orders": ("order",), "examples": ("session", "cut"),
    "items": ("session", "item"), "probe_events": ("session", "ts", "event_id"),
}  # fmt: skip
"""Table -> the order of its rows in each file; the first column decides which file a row is in."""


def rewrite(
    spark: "SparkSession",
    lake: Lake,
    dataset: str,
    day: date,
    tables: Mapping[str, Rows],
    finish: Callable[[Folder, Path], None],
) -> str:
    """Commit a new attempt with some tables filtered and all other files copied.

    Args:
        spark: reads and writes the tables.
        lake: has the day.
        dataset: to write again.
        day: of the dataset.
        tables: folder of Parquet files -> what remains of it; a table that the day does not have is left out.
        finish: called with the committed and the new folder at last, to change further files.

    Returns:
        The new attempt's name.
    """
    current = lake.current(dataset, day)
    with lake.attempt(dataset, day) as out:
        for name in sorted(parts_of(lake, dataset, day)):
            if name in tables:
                _write_table(spark, lake, current, out, name, tables[name])
            else:
                copy_part(current, name, out)
        finish(current, out)
        if dataset in data_seals.DATA:
            data_seals.seal_again(lake, day, current, out)
    lake.remove_others(dataset, day)
    return lake.current(dataset, day).name


def parts_of(lake: Lake, dataset: str, day: date) -> set[str]:
    """Return the names of the files and folders of a day's committed attempt."""
    current = lake.current(dataset, day)
    prefix = f"{lake.folder(dataset, day)}/{current.name}/"
    return {item.key.removeprefix(prefix).split("/")[0] for item in lake.files(current)}


def copy_part(attempt: Folder, name: str, out: Path) -> None:
    """Copy a file or folder of an attempt into a new one."""
    path = attempt / name
    (shutil.copytree if path.is_dir() else shutil.copy2)(path, out / name)


def _write_table(spark: "SparkSession", lake: Lake, current: Folder, out: Path, name: str, remaining: Rows) -> None:
    rows, order = spark.read.parquet(lake.address(current, name)), SORTED_BY[name]
    files = max(1, len(rows.inputFiles()))
    ordered = remaining(rows).repartition(files, order[0]).sortWithinPartitions(*order)
    ordered.write.parquet(lake.address(out, name))
