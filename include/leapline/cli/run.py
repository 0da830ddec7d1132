"""The command `leapline run`: all steps for one day, without Airflow."""

from typing import Annotated, Any

import typer

from leapline.cli.options import AsJson, Day, Overrides
from leapline.cli.steps import run_step
from leapline.console import gist, print_summary, stderr, stdout
from leapline.runtime.context import STEPS, RunContext, new_run_id
from leapline.runtime.spark import shared_driver

app = typer.Typer()


@app.command()
def run(
    day: Day,
    set_: Overrides = None,
    backfill: Annotated[bool, typer.Option("--backfill", help="Rebuild a past day; the champion stays.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run all steps for one day, in order, without Airflow."""
    context = RunContext(day.date(), new_run_id(), backfill)
    with shared_driver():
        summaries = _run_steps(context, set_, as_json)
    verdict = {name: summaries["gate"][name] for name in ("rules", "card", "plots")}
    print_summary(summaries if as_json else verdict, as_json)


def _run_steps(context: RunContext, overrides: list[str] | None, as_json: bool) -> dict[str, Any]:
    """Run the steps up to a refusal, and return their summaries."""
    summaries: dict[str, Any] = {}
    for step in STEPS:
        stderr().print(f"[bold]{step}[/] ...")
        # A run that fails at its first step has produced nothing: most likely its date is wrong.
        summaries[step] = run_step(step, context, overrides, report_failure=bool(summaries))
        if summaries[step].get("passed") is False:
            refusal = summaries[step]["sentence"]
            stderr().print(refusal, style="bold yellow", markup=False, highlight=False, soft_wrap=True)
            break
        if not as_json:
            stdout().print(f"  {gist(summaries[step])}", markup=False, highlight=False, soft_wrap=True)
    return summaries
