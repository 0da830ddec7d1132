"""Run a step and write its report.

A step is a module of `leapline.steps` with `run(settings, context) -> summary`. Started by Airflow, by `spark-submit`
or from the command line, it leaves `runs/<run id>/<step>.json`: its summary, duration, rows and bytes, or the error
that ended it. What the steps leave in the lake is documented in docs/lake.md.
"""

import argparse
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import date
from functools import partial
from typing import Any

from leapline.errors import LeaplineError, SettingsError, StorageError
from leapline.runtime.context import RunContext, new_run_id
from leapline.runtime.day_owner import StepAttempt, is_latest, owned_day
from leapline.runtime.output_sizes import measure_outputs
from leapline.runtime.private_files import restrict_new_files
from leapline.runtime.reports import describe, remove_report, write_report
from leapline.settings import Settings
from leapline.storage import lake_of
from leapline.storage.disk import named_full_disk
from leapline.storage.usage import recorded_usage

Step = Callable[[Settings, RunContext], dict[str, Any]]


def perform(
    step: str, step_function: Step, settings: Settings, context: RunContext, report_failure: bool = True
) -> dict[str, Any]:
    """Run a step and write its report.

    Args:
        step: the step's name.
        step_function: the step.
        settings: the settings of this run.
        context: the run.
        report_failure: whether a failure is reported too. A single step started from the command line leaves no
            failure report, because its user reads the error, and a mistyped date is not a failed run.

    Returns:
        The step's summary.

    Raises:
        SupersededError: a later run works on the day, or a later attempt of this run on the step.
        LeaplineError: as the step raised it.
    """
    restrict_new_files(settings)
    remove_report(settings, context.run_id, step)
    report, attempt = partial(write_report, settings, context.run_id, step), StepAttempt(step, context)
    started = time.monotonic()
    base: dict[str, Any] = {"step": step, "day": context.day.isoformat(), "run_id": context.run_id}
    try:
        with (
            owned_day(settings, attempt),
            recorded_usage() as usage,
            named_full_disk(f"output of step {step}", settings.home),
        ):
            summary = step_function(settings, context)
    except LeaplineError as exc:
        if report_failure:
            # On a full disk there may be no room for the report either.
            with suppress(StorageError):
                # The report of a later attempt is not replaced.
                report(base | {"ok": False, "error": describe(exc)}, replace=is_latest(settings, attempt))
        raise
    seconds = round(time.monotonic() - started, 3)
    outputs = measure_outputs(lake_of(settings), step, context.day)
    used = {
        "read": [asdict(attempt) for attempt in sorted(usage.read)],
        "committed": [asdict(attempt) for attempt in sorted(usage.committed)],
    }
    report(base | {"ok": True, "summary": summary, "seconds": seconds, "written": outputs} | used)
    return summary


def main(step: str, step_function: Step) -> None:
    """Run a step as a program, under `spark-submit` or `python -m`; ends the process with exit status 0 or 1."""
    args = _parser(step).parse_args()
    try:
        settings = Settings.load(**parse_overrides(args.set))
        perform(step, step_function, settings, RunContext(args.date, args.run_id, args.backfill))
    except LeaplineError as exc:
        print(f"{type(exc).__name__}: {exc}", file=sys.stderr)
        sys.exit(1)
    except Exception:
        traceback.print_exc()
        sys.exit(1)


def _parser(step: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"leapline.steps.{step}")
    parser.add_argument("--date", type=date.fromisoformat, required=True, help="data day, YYYY-MM-DD")
    parser.add_argument("--run-id", default=new_run_id(), help="id of the run")
    parser.add_argument("--backfill", action="store_true", help="the run rebuilds the past")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="override a setting for this run"
    )
    return parser


def parse_overrides(pairs: list[str]) -> Mapping[str, str]:
    """Parse `["training_days=3"]` into settings.

    Raises:
        SettingsError: a pair without `=`.
    """
    for pair in pairs:
        if "=" not in pair:
            raise SettingsError(
                "--set", found=repr(pair), expected="KEY=VALUE", fix="For example --set training_days=3."
            )
    return dict(pair.split("=", 1) for pair in pairs)
