"""The command `leapline bundle export`."""

from pathlib import Path
from typing import Annotated

import typer

from leapline.cli.options import AsJson, Day
from leapline.console import print_summary
from leapline.settings import Settings

app = typer.Typer()


@app.command("export")
def export_bundle(
    target: Annotated[Path, typer.Argument(help="The file to write.")],
    day: Day,
    to: Annotated[str, typer.Option(help="onnx or pmml.", metavar="FORMAT")],
    tolerance: Annotated[float, typer.Option(help="Maximum difference from Spark's probability.", min=0)] = 1e-9,
    as_json: AsJson = False,
) -> None:
    """Write the model of a day as ONNX or PMML, if that runtime reproduces Spark's probabilities."""
    from leapline.modelling.export import FORMATS, export

    if to not in FORMATS:
        raise typer.BadParameter(f"expected {' or '.join(FORMATS)}, got {to!r}", param_hint="--to")
    print_summary(export(Settings.load(), day.date(), to, target, tolerance), as_json)
