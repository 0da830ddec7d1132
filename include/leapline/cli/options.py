"""Options that several commands share."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

Day = Annotated[datetime, typer.Option("--date", formats=["%Y-%m-%d"], help="Data day, UTC.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting, e.g. training_days=3.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON with full precision.")]
EventsFolder = Annotated[
    Path | None, typer.Option("--to", help="Folder to write to. Default: the landing folder of the settings.")
]
