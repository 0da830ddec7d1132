"""The report that each step leaves on disk: `runs/<run id>/<step>.json`."""

import re
from typing import Any, Final

from leapline.errors import LeaplineError
from leapline.settings import Settings
from leapline.storage import json_bytes, lake_of, read_document

RUNS: Final = "runs"


def report_key(run_id: str, step: str) -> str:
    """Return the key of a step's report; the run id's characters outside `[A-Za-z0-9._-]` become `_`."""
    return f"{run_folder(run_id)}/{step}.json"


def run_folder(run_id: str) -> str:
    """Return the key of a run's reports."""
    return f"{RUNS}/" + re.sub(r"[^A-Za-z0-9._-]", "_", run_id)


def write_report(settings: Settings, run_id: str, step: str, content: dict[str, Any], *, replace: bool = True) -> None:
    """Write the report of a step; without `replace` only if it has none."""
    store, key = lake_of(settings).store, report_key(run_id, step)
    (store.put if replace else store.put_if_absent)(key, json_bytes(content))


def remove_report(settings: Settings, run_id: str, step: str) -> None:
    """Remove the report of an earlier attempt of a step, if there is one."""
    lake_of(settings).store.delete(report_key(run_id, step))


def past_report(settings: Settings, run_id: str, step: str) -> dict[str, Any] | None:
    """Return the report of a step of this run, or None if it left none.

    Raises:
        StorageError: the report is damaged.
    """
    report: dict[str, Any] | None = read_document(lake_of(settings).store, report_key(run_id, step))
    return report


def describe(exc: LeaplineError) -> dict[str, Any]:
    """Return an error as plain data for a report."""
    parts = {"thing": exc.thing, "found": exc.found, "expected": exc.expected, "fix": exc.fix}
    return parts | {"kind": type(exc).__name__, "retriable": exc.retriable, "text": str(exc)}
