"""The report that each step leaves on disk: `runs/<run id>/<step>.json`."""

import re
from pathlib import Path
from typing import Any

from leapline.errors import LeaplineError
from leapline.settings import Settings
from leapline.storage import read_json


def report_path(settings: Settings, run_id: str, step: str) -> Path:
    """Return the path of a step's report; the run id's characters outside `[A-Za-z0-9._-]` become `_`."""
    return settings.home / "runs" / re.sub(r"[^A-Za-z0-9._-]", "_", run_id) / f"{step}.json"


def past_report(settings: Settings, run_id: str, step: str) -> dict[str, Any] | None:
    """Return the report of a step of this run, or None if it left none.

    Raises:
        StorageError: the report is damaged.
    """
    path = report_path(settings, run_id, step)
    return read_json(path) if path.exists() else None


def describe(exc: LeaplineError) -> dict[str, Any]:
    """Return an error as plain data for a report."""
    parts = {"thing": exc.thing, "found": exc.found, "expected": exc.expected, "fix": exc.fix}
    return parts | {"kind": type(exc).__name__, "retriable": exc.retriable, "text": str(exc)}
