"""Delete what is about single visitors once it is old, and prove it by looking again."""

from datetime import date
from typing import Final

from leapline.errors import ErasureError
from leapline.privacy.erasure import PROBE_EVENTS, PROBE_ROWS, SCORES
from leapline.privacy.rewriting import copy_part, parts_of
from leapline.records import binding
from leapline.storage import Lake, read_json

OF_VISITORS: Final = ("events", "quarantine", "orders", "examples")
"""Datasets with rows of single visitors; `checks` has numbers only."""
IN_EVALUATIONS: Final = (*SCORES, PROBE_ROWS, PROBE_EVENTS)
"""Such files of an evaluation; its metrics, curves and plots stay."""


def delete_before(lake: Lake, first: date) -> dict[str, list[str]]:
    """Delete the rows of single visitors of all days before `first`.

    Args:
        lake: to delete from.
        first: the first day that stays.

    Returns:
        Dataset -> the days that were deleted, ISO 8601.

    Raises:
        ErasureError: something can still be read.
    """
    old = old_rows(lake, first)
    for dataset, days in old.items():
        for day in days:
            if dataset == "evaluations":
                _keep_metrics_only(lake, day)
            else:
                lake.remove(dataset, day)
    left = {dataset: days for dataset, days in old_rows(lake, first).items() if days}
    if left:
        raise ErasureError(
            f"retention in {lake.store.address}",
            found="; ".join(f"{dataset} of {', '.join(map(str, days))}" for dataset, days in left.items()),
            expected=f"no rows of visitors before {first}",
            fix="Wait until no run of these days is active, then run it again.",
        )
    return {dataset: [day.isoformat() for day in days] for dataset, days in old.items() if days}


def old_rows(lake: Lake, first: date) -> dict[str, list[date]]:
    """Return dataset -> the days before `first` that have rows of single visitors, in whatever attempt: an attempt that
    nobody reads may be left of a run or a removal that was interrupted."""
    old = {dataset: [day for day in lake.touched_days(dataset) if day < first] for dataset in OF_VISITORS}
    judged = [day for day in lake.touched_days("evaluations") if day < first and _has_rows(lake, day)]
    return old | {"evaluations": judged}


def _has_rows(lake: Lake, day: date) -> bool:
    """Return whether any attempt of an evaluation has rows of single visitors."""
    folder = f"{lake.folder('evaluations', day)}/"
    parts = (item.key.removeprefix(folder).split("/") for item in lake.store.list(folder.rstrip("/")))
    return any(path[1] in IN_EVALUATIONS for path in parts if path[1:])


def _keep_metrics_only(lake: Lake, day: date) -> None:
    if lake.has("evaluations", day) and parts_of(lake, "evaluations", day) & set(IN_EVALUATIONS):
        _write_without_rows(lake, day)
    lake.remove_others("evaluations", day)


def _write_without_rows(lake: Lake, day: date) -> None:
    current = lake.current("evaluations", day)
    with lake.attempt("evaluations", day) as out:
        for name in parts_of(lake, "evaluations", day) - set(IN_EVALUATIONS):
            copy_part(current, name, out)
        if (out / binding.SEAL).exists():
            binding.seal(lake, out, read_json(out / binding.SEAL)["inputs"])
