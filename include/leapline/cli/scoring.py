"""The command `leapline score`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from leapline.cli.options import AsJson
from leapline.console import as_text, print_json, stdout
from leapline.storage import read_json

app = typer.Typer()


@app.command(rich_help_panel="Models and the champion")
def score(
    file: Annotated[
        Path,
        typer.Argument(help="JSON file with one or more sessions, or feature rows.", exists=True, dir_okay=False),
    ],
    url: Annotated[str, typer.Option(help="Address of a running scorer.")] = "http://127.0.0.1:8080",
    as_json: AsJson = False,
) -> None:
    """Send sessions, or feature rows, to a running scorer."""
    from leapline.serving.client import ScorerClient

    entries = _entries(read_json(file, fix="See docs/api.md for the format of requests."))
    with ScorerClient(url) as client:
        sessions = all("events" in entry for entry in entries)
        results = client.score(entries) if sessions else client.predict(entries)
    if as_json:
        print_json(results)
        return
    for row in results:
        stdout().print(_line(row), highlight=False, soft_wrap=True)


def _line(row: dict[str, Any]) -> str:
    """Return the segment and the probability of a purchase, or everything if the model has other outputs."""
    parts = [as_text(row[name]) for name in ("segment", "buy") if name in row]
    return " ".join(parts) or json.dumps(row)


def _entries(content: Any) -> list[dict[str, Any]]:
    """Return the entries of a list, of a request body, or of one entry, whose `session` is an id."""
    if isinstance(content, dict) and "sessions" in content:
        content = content["sessions"]
    elif isinstance(content, dict) and isinstance(content.get("session"), dict):
        content = content["session"]
    return content if isinstance(content, list) else [content]
