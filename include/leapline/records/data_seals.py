"""Seals of the data that a model is made of: events, orders, quarantine, checks, examples, searches.

    extract       quarantine, events, orders     a folder with tables has a `seal.json`: digests of its files and tables
    check_events  checks                         sources: events
    featurize     examples                       sources: events, checks
    train         searches                       its candidate has the seals of all examples as sources

A step verifies what it reads, and promotion verifies the data day once more. A day may be written again while later
days are trained on it, so the results of other days do not depend on it afterwards; their seals record what they were
made of.
"""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Final

from leapline.datasets import dataset as dataset_of
from leapline.errors import InputChangedError
from leapline.storage import Folder, Lake
from leapline.storage.seal import (
    SEAL,
    changed_part,
    recorded_sources,
    seal_digest,
    sealed_tables,
    write_data_seal,
)

DATA: Final = ("quarantine", "events", "orders", "checks", "examples")
"""The datasets by day that are sealed like this."""


def unchanged(lake: Lake, dataset: str, key: date | str) -> Folder:
    """Return the current attempt of a dataset, whose files are those that were written.

    Raises:
        NotInLakeError: there is none.
        InputChangedError: a file was changed, added or removed since.
    """
    folder = lake.current(dataset, key)
    part = changed_part(lake, folder)
    if part:
        raise _changed(dataset, key, f"another content of its {part} than its step wrote")
    return folder


def _changed(dataset: str, key: date | str, found: str) -> InputChangedError:
    description = dataset_of(dataset)
    writer = description.writer.replace("_", "-") if description else dataset
    day = f" --date {key}" if isinstance(key, date) else ""
    return InputChangedError(
        f"{dataset} of {key}",
        found=found,
        expected="unchanged files",
        fix=f"Find out who changed it, then run `leapline {writer}{day}` and the steps after it again.",
    )


def require_day_unchanged(lake: Lake, day: date) -> None:
    """Check all data of a day that is in the lake, and that checks and examples are of its present events.

    Raises:
        NotInLakeError: the day has no events or no examples.
        InputChangedError: a file was changed, added or removed since it was written.
    """
    needed = ("events", "examples")
    folders = {name: unchanged(lake, name, day) for name in DATA if name in needed or lake.has(name, day)}
    for dataset, folder in folders.items():
        recorded = recorded_sources(folder).get(f"events/{day}")
        if recorded not in (None, seal_digest(folders["events"])):
            raise _changed(dataset, day, "a result of other events than the day has now")


def seal_again(lake: Lake, day: date, before: Folder, after: Path) -> None:
    """Seal an attempt that repeats another one with fewer rows, because rows had to be deleted.

    Checks and examples then fit the present events, which were written again first. Without a seal before, there is
    none after.

    Args:
        lake: has both attempts.
        day: of the dataset.
        before: the attempt that is replaced.
        after: the new one, complete but for its seal.
    """
    if not (before / SEAL).exists():
        return
    sources, events = recorded_sources(before), f"events/{day}"
    if events in sources and lake.has("events", day):
        sources[events] = seal_digest(lake.current("events", day))
    write_data_seal(lake, after, sealed_tables(before), sources)


def source_seals(lake: Lake, dataset: str, days: Iterable[date]) -> dict[str, str]:
    """Return the digests of the seals of some days, after verifying the data: `{"examples/2026-03-01": ...}`.

    Raises:
        NotInLakeError: a day has none.
        InputChangedError: the data of a day was changed.
    """
    return {f"{dataset}/{day}": seal_digest(unchanged(lake, dataset, day)) for day in days}
