"""Cards, plots and Data Docs: files of the lake as pages, nothing outside of the folder that was meant."""

import re
from html import escape
from pathlib import Path

from leapline.orchestration.page.runs import current
from leapline.quality.check import DOCS
from leapline.settings import Settings
from leapline.storage import Lake

# A card has links and pictures beside it, and is a page of its own in the frame: it needs a way back.
_CARD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<script src="{up}static/theme.js"></script>
<link rel="stylesheet" href="{up}static/page.css">
</head>
<body class="card-page">
<nav><a href="{up}">&larr; Models</a></nav>
<main>
{body}
</main>
</body>
</html>
"""


def model_folder(settings: Settings, model_id: str) -> Path | None:
    """The papers of a published model."""
    lake = Lake(settings.home)
    # Looked up among the names there are: what is asked for never becomes a path.
    return lake.current("models", model_id) if model_id in lake.keys("models") else None


def card(folder: Path | None, up: str) -> str | None:
    """The model card as HTML; text of the card that looks like HTML stays text.

    Args:
        folder: where `card.md` is.
        up: the way from the card's address to the Models page.
    """
    from markdown_it import MarkdownIt

    path = folder / "card.md" if folder else None
    if path is None or not path.is_file():
        return None
    text = path.read_text(encoding="utf-8")
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    # Wide tables scroll by themselves, and by keyboard too.
    body = body.replace("<table>", '<div class="scroll" tabindex="0" role="region" aria-label="table"><table>')
    body = body.replace("</table>", "</table></div>")
    return _CARD.format(title=escape(text.splitlines()[0].lstrip("# ") if text else "Model card"), up=up, body=body)


def verdict_folder(settings: Settings, day: str) -> Path | None:
    """Where a day's verdict and card are."""
    return current(Lake(settings.home), "verdicts", day)


def day_plot(settings: Settings, day: str, name: str) -> Path | None:
    """A picture of a day's evaluation."""
    folder = current(Lake(settings.home), "evaluations", day)
    return below(folder / "plots", name) if folder else None


def data_doc(settings: Settings, day: str, name: str) -> Path | None:
    """A file of the day's Data Docs."""
    folder = current(Lake(settings.home), "checks", day)
    return below(folder / DOCS, name) if folder else None


def with_way_back(page: str, up: str) -> str:
    """A page of the Data Docs with a link to the Models page on top; inside Airflow's frame there is no other one."""
    return re.sub(r"<body[^>]*>", lambda body: f'{body[0]}<p><a href="{up}">&larr; Models</a></p>', page, count=1)


def below(folder: Path, name: str) -> Path | None:
    """The file `name` if it truly lies in `folder`, links and dots resolved."""
    try:
        path = (folder / name).resolve()
        return path if path.is_relative_to(folder.resolve()) and path.is_file() else None
    except (OSError, ValueError):  # a name that no file can have
        return None
