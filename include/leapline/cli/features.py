"""The command `leapline features`."""

from pathlib import Path
from typing import Annotated

import typer

from leapline.cli.options import AsJson
from leapline.console import print_json, print_summary

app = typer.Typer(no_args_is_help=True, help="Check feature specs.")


@app.command()
def schema() -> None:
    """Print the JSON Schema of feature specs."""
    from leapline.features.spec import json_schema

    print_json(json_schema())


@app.command()
def check(
    path: Annotated[Path, typer.Argument(metavar="SPEC", help="A feature spec (JSON).")], as_json: AsJson = False
) -> None:
    """Load a feature spec as a run does, and show its features, or the first error."""
    from leapline.features.spec import load

    spec = load(path)
    columns = {"numbers": list(spec.numeric), "categories": list(spec.categorical)}
    print_summary({"unit": spec.unit, "features": len(spec.columns), **columns}, as_json)
