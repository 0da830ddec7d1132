"""One command per step of a run."""

from collections.abc import Callable
from importlib import import_module
from typing import Annotated, Any

import typer

from leapline.cli.options import AsJson, Day, Overrides
from leapline.console import print_summary
from leapline.runtime.context import STEP_DESCRIPTIONS, STEPS, RunContext, new_run_id
from leapline.runtime.step import parse_overrides, perform
from leapline.settings import Settings

app = typer.Typer()


def run_step(
    step: str, context: RunContext, overrides: list[str] | None, report_failure: bool = False
) -> dict[str, Any]:
    """Run one step in this process.

    Args:
        step: its name.
        context: the run.
        overrides: settings as `KEY=VALUE`.
        report_failure: whether a failure is written to `runs/` too.

    Returns:
        The step's summary.

    Raises:
        LeaplineError: as the step raised it, or for a wrong setting.
    """
    settings = Settings.load(**parse_overrides(overrides or []))
    step_function = import_module(f"leapline.steps.{step}").run
    return perform(step, step_function, settings, context, report_failure)


def _command(step: str) -> Callable[..., None]:
    def command(day: Day, set_: Overrides = None, as_json: AsJson = False) -> None:
        print_summary(run_step(step, RunContext(day.date(), new_run_id()), set_), as_json)

    return command


def _train(
    day: Day,
    fast: Annotated[bool, typer.Option("--fast", help="Skip the hyperparameter search.")] = False,
    set_: Overrides = None,
    as_json: AsJson = False,
) -> None:
    overrides = [*(set_ or []), *(["hyperparameter_search=false"] if fast else [])]
    print_summary(run_step("train", RunContext(day.date(), new_run_id()), overrides), as_json)


for _step in (step for step in STEPS if step != "deploy"):  # which has no data day
    app.command(_step.replace("_", "-"), help=STEP_DESCRIPTIONS[_step], rich_help_panel="Steps of a run, in order")(
        _train if _step == "train" else _command(_step)
    )
