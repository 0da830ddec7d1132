"""Commands for the rights of visitors."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from leapline import clock
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
    context = RunContext(clock.today(), new_run_id())
    print_summary(run_step("erase", context, None), as_json)


@app.command(rich_help_panel="Privacy")
def access(
    ids: Annotated[str, typer.Option(help="File with one visitor id per line, or - for standard input.")],
    out: Annotated[Path, typer.Option(help="JSON file for the report; it contains personal data.")],
) -> None:
    """Write all that the lake has about visitors into a file that only you can read."""
    from leapline.privacy.access import access_report
    from leapline.privacy.pseudonym_keys import accepted_keys, pseudonyms, require_reachable
    from leapline.privacy.requests import parse_request
    from leapline.runtime.private_files import restrict_new_files
    from leapline.runtime.spark import spark_session
    from leapline.storage import lake_of

    settings = Settings.load()
    restrict_new_files(settings)
    if out.exists():
        raise typer.BadParameter(f"{out} exists; name a new file", param_hint="--out")
    names = list(dict.fromkeys(parse_request(_read(ids), ids)))
    require_reachable(settings, lake_of(settings))
    keys = accepted_keys(settings)
    visitors = {name: pseudonyms(keys, [name]) for name in names}
    with spark_session(settings, "access") as spark:
        report = access_report(spark, lake_of(settings), visitors)
    out.write_text(json.dumps(report, indent=1, default=str) + "\n", encoding="utf-8")
    days = sum(len(visitor["days"]) for visitor in report["visitors"])
    print_summary({"visitors": len(names), "days with data": days, "report": str(out)}, as_json=False)


@app.command(rich_help_panel="Privacy")
def retain(
    confirm: Annotated[
        bool, typer.Option("--confirm", help="This machine's clock is right, although the lake has no recent day.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Delete what is about single visitors from days older than LEAPLINE_RETENTION_DAYS."""
    overrides = ["retention_max_gap_days=0"] if confirm else None
    print_summary(run_step("retain", RunContext(clock.today(), new_run_id()), overrides), as_json)


def _read(ids: str) -> bytes:
    if ids == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(ids).read_bytes()
    except OSError as exc:
        raise typer.BadParameter(str(exc)) from exc
