"""The `leapline` command: every step of a run, and the commands around them, one module per theme.

Heavy libraries are imported inside the commands, so that `leapline --help` answers at once.
"""

import sys

import typer

from leapline.bundle.cli import app as bundle_app
from leapline.cli import (
    data,
    doctor,
    drill,
    export,
    features,
    image,
    keys,
    ledger,
    models,
    privacy,
    run,
    scoring,
    settings,
    steps,
)
from leapline.console import stderr
from leapline.errors import LeaplineError
from leapline.local.cli import app as local_app

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Turn a shop's click stream into a measured, deployable scoring container every night, or report why not.",
)
for _commands in (steps, run, models, scoring, data, privacy, settings, doctor, drill):
    app.add_typer(_commands.app)
app.add_typer(data.import_app, name="import")
app.add_typer(features.app, name="features")
app.add_typer(image.app, name="image")
app.add_typer(keys.app, name="keys")
app.add_typer(ledger.app, name="ledger", rich_help_panel="Models and the champion")
bundle_app.add_typer(export.app)
app.add_typer(bundle_app, name="bundle")
app.add_typer(local_app)


def main() -> None:
    """Run the command line; a user's mistake ends with one message and exit code 1."""
    try:
        app()
    except LeaplineError as exc:
        console = stderr()
        console.print(f"[bold red]{type(exc).__name__}[/]", end=" ")
        console.print(str(exc), markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
