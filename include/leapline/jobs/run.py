"""One run of the line: what every step is given, and the report that each one leaves.

A step is a module with `run(settings, run) -> summary`. Started by Airflow, by `spark-submit` or by hand, it writes
`runs/<run id>/<step>.json`: its summary, time, rows and bytes, or the error that ended it, so that whoever started it
can say why. What the steps leave in the lake is told in docs/lake.md.
"""

import argparse
import re
import sys
import time
import traceback
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from leapline.errors import LeaplineError, SettingsError
from leapline.jobs.outputs import written
from leapline.settings import Settings
from leapline.storage import Lake, read_json, write_json

ABOUT = {
    "extract": "Read the day's Snowplow events, clean them, set broken lines aside; and missing days of the window.",
    "check_events": "Great Expectations over the day's clean events; a broken one ends with an error.",
    "featurize": "Features and labels of sessions and of their items, for the day and for training days that changed.",
    "train": "Fit the forests on the days before, calibrate them, and write their Bundle.ML.",
    "evaluate": "Score the day, which the model has not seen: metrics, slices, plots, and the champion on the same.",
    "gate": "The verdict, rule by rule, and the model card.",
    "package": "Put model and scorer into one image on disk.",
    "probe": "Start that image and compare its answers with Spark's.",
    "publish": "Push the image under its model id, and compare what the registry holds.",
    "promote": "Move the tag `champion` to it, if the verdict still holds.",
}
"""What each step does for its data day, in the order in which a night takes them."""
STEPS = tuple(ABOUT)


@dataclass(frozen=True)
class Run:
    """What a step works for.

    Args:
        day: the data day, UTC.
        run_id: who runs; Airflow's run id, or one made up by the command line.
        backfill: whether the run rebuilds the past; such a run never moves the champion to an older day.
    """

    day: date
    run_id: str
    backfill: bool = False


Step = Callable[[Settings, Run], dict[str, Any]]


def new_run_id() -> str:
    """A run id for a step started by hand."""
    return f"manual-{uuid.uuid4().hex[:8]}"


def report_path(settings: Settings, run_id: str, step: str) -> Path:
    """Where a step leaves its report; the run id's characters outside `[A-Za-z0-9._-]` become `_`."""
    return settings.home / "runs" / re.sub(r"[^A-Za-z0-9._-]", "_", run_id) / f"{step}.json"


def perform(step: str, work: Step, settings: Settings, run: Run) -> dict[str, Any]:
    """Do a step and leave its report, good or bad.

    Raises:
        LeaplineError: as the step raised it.
    """
    path = report_path(settings, run.run_id, step)
    path.unlink(missing_ok=True)
    began = time.monotonic()
    base: dict[str, Any] = {"step": step, "day": run.day.isoformat(), "run_id": run.run_id}
    try:
        summary = work(settings, run)
    except LeaplineError as exc:
        write_json(path, base | {"ok": False, "error": describe(exc)})
        raise
    took = round(time.monotonic() - began, 3)
    wrote = written(Lake(settings.home), step, run.day)
    write_json(path, base | {"ok": True, "summary": summary, "seconds": took, "written": wrote})
    return summary


def describe(exc: LeaplineError) -> dict[str, Any]:
    """An error as plain data."""
    parts = {"thing": exc.thing, "found": exc.found, "expected": exc.expected, "fix": exc.fix}
    return parts | {"kind": type(exc).__name__, "retriable": exc.retriable, "text": str(exc)}


def past_report(settings: Settings, run_id: str, step: str) -> dict[str, Any] | None:
    """A step's report of this run, if it left one."""
    path = report_path(settings, run_id, step)
    return read_json(path) if path.exists() else None


def main(step: str, work: Step) -> None:
    """Entry point of a step under `spark-submit` or `python -m`; ends the process with 0 or 1."""
    args = _parser(step).parse_args()
    try:
        settings = Settings.load(**parse_overrides(args.set))
        perform(step, work, settings, Run(args.date, args.run_id, args.backfill))
    except LeaplineError as exc:
        print(f"{type(exc).__name__}: {exc}", file=sys.stderr)
        sys.exit(1)
    except Exception:
        traceback.print_exc()
        sys.exit(1)


def _parser(step: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"leapline.jobs.{step}")
    parser.add_argument("--date", type=date.fromisoformat, required=True, help="data day, YYYY-MM-DD")
    parser.add_argument("--run-id", default=new_run_id(), help="who runs")
    parser.add_argument("--backfill", action="store_true", help="the run rebuilds the past")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="override a setting for this run"
    )
    return parser


def parse_overrides(pairs: list[str]) -> Mapping[str, str]:
    """`["training_days=3"]` as settings.

    Raises:
        SettingsError: a pair without `=`.
    """
    for pair in pairs:
        if "=" not in pair:
            raise SettingsError(
                "--set", found=repr(pair), expected="KEY=VALUE", fix="For example --set training_days=3."
            )
    return dict(pair.split("=", 1) for pair in pairs)
