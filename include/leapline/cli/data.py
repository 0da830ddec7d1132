"""Commands that write Snowplow events: the generator and the importers of public data sets."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from leapline.cli.options import AsJson, EventsFolder
from leapline.console import print_summary, stderr
from leapline.runtime.private_files import restrict_new_files
from leapline.runtime.step import parse_overrides
from leapline.settings import Settings

app = typer.Typer()
import_app = typer.Typer(no_args_is_help=True, help="Convert public click data to Snowplow events.")


@app.command(rich_help_panel="Events")
def generate(
    start: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="First day, UTC.")],
    days: Annotated[int, typer.Option(help="Number of days.")] = 8,
    sessions_per_day: Annotated[int, typer.Option(help="Average number of sessions per day.")] = 6000,
    seed: Annotated[int, typer.Option(help="Random seed; another seed generates another shop.")] = 20150,
    to: EventsFolder = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any other field of the generator, e.g. broken=0.01."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Generate a shop's Snowplow events, and the true purchase probabilities next to them."""
    from leapline.local.progress import progress_bar
    from leapline.synthetic import GeneratorSpec, generate

    spec = GeneratorSpec(
        start=start.date(), days=days, sessions_per_day=sessions_per_day, seed=seed, **parse_overrides(set_ or [])
    )
    with progress_bar(stderr(), "Generating events") as report_progress:
        report = generate(_landing(to), spec, report_progress)
    print_summary(asdict(report), as_json)


@import_app.command()
def rees46(
    csv: Annotated[Path, typer.Argument(help="REES46's CSV file.")], to: EventsFolder = None, as_json: AsJson = False
) -> None:
    """Import REES46's open e-commerce events (event_time, event_type, product_id, ...)."""
    from leapline.importers.rees46 import import_rees46

    print_summary(asdict(import_rees46(csv, _landing(to))), as_json)


@import_app.command()
def yoochoose(
    clicks: Annotated[Path, typer.Argument(help="yoochoose-clicks.dat.")],
    buys: Annotated[Path, typer.Argument(help="yoochoose-buys.dat.")],
    to: EventsFolder = None,
    as_json: AsJson = False,
) -> None:
    """Import the clicks and purchases of the RecSys Challenge 2015."""
    from leapline.importers.yoochoose import import_yoochoose

    print_summary(asdict(import_yoochoose(clicks, buys, _landing(to))), as_json)


@import_app.command()
def retailrocket(
    csv: Annotated[Path, typer.Argument(help="RetailRocket's events.csv.")],
    to: EventsFolder = None,
    as_json: AsJson = False,
) -> None:
    """Import RetailRocket's shop log (timestamp, visitorid, event, itemid, transactionid)."""
    from leapline.importers.retailrocket import import_retailrocket

    print_summary(asdict(import_retailrocket(csv, _landing(to))), as_json)


def _landing(folder: Path | None) -> Path:
    """Return the folder for events, which only this user will be able to read."""
    settings = Settings.load()
    restrict_new_files(settings)
    return folder or settings.landing_dir
