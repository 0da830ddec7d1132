"""Commands for the rights of visitors."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from leapline.cli.options import AsJson
from leapline.cli.steps import run_step
from leapline.console import print_summary
from leapline.runtime.context import RunContext, new_run_id
from leapline.settings import Settings

app = typer.Typer()


@app.command(rich_help_panel="Privacy")
def erase(
    ids: Annotated[
        str | None,
        typer.Option(help="File with one visitor id per line, or - for standard input. Default: requests that wait."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Erase visitors from all days of the lake, exclude them from later runs, and write a receipt."""
    from leapline.privacy.requests import add_request
    from leapline.runtime.private_files import restrict_new_files
    from leapline.storage import lake_of

    settings = Settings.load()
    restrict_new_files(settings)
    if ids is not None:
        add_request(lake_of(settings), _read(ids), ids)
    context = RunContext(datetime.now(UTC).date(), new_run_id())
    print_summary(run_step("erase", context, None), as_json)


@app.command(rich_help_panel="Privacy")
def retain(as_json: AsJson = False) -> None:
    """Delete what is about single visitors from days older than LEAPLINE_RETENTION_DAYS."""
    print_summary(run_step("retain", RunContext(datetime.now(UTC).date(), new_run_id()), None), as_json)


def _read(ids: str) -> bytes:
    if ids == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(ids).read_bytes()
    except OSError as exc:
        raise typer.BadParameter(str(exc)) from exc
