"""The commands `leapline settings` and `leapline version`."""

from typing import Annotated

import typer

from leapline import __version__
from leapline.cli.options import AsJson
from leapline.console import print_json, print_table, unshortened
from leapline.settings import PREFIX, Settings
from leapline.settings_page import markdown_page

app = typer.Typer()


@app.command("settings")
def show_settings(
    as_json: AsJson = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print docs/settings.md, with the defaults.")] = False,
) -> None:
    """Show every setting with its value and meaning."""
    if markdown:
        print(markdown_page(), end="")
        return
    settings = Settings.load()
    rows = [
        (f"{PREFIX}{name.upper()}", str(getattr(settings, name)), field.description)
        for name, field in Settings.model_fields.items()
    ]
    if as_json:
        print_json([dict(zip(("name", "value", "about"), row, strict=True)) for row in rows])
        return
    print_table("Settings", [unshortened("setting"), "value", "meaning"], rows)


@app.command()
def version() -> None:
    """Print the version of Leapline."""
    print(__version__)
