"""Model cards, plots and Data Docs: files of the lake as web pages, restricted to the folders they belong to."""

import re
from html import escape
from pathlib import Path

from leapline.markdown import to_html
from leapline.orchestration.page.runs import current
from leapline.quality.check import DOCS
from leapline.quality.data_docs import static_page
from leapline.settings import Settings
from leapline.storage import Folder, lake_of

# A card opens as a page of its own inside Airflow's frame, so it needs a link back.
_CARD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<script src="{base}static/theme.js"></script>
<link rel="stylesheet" href="{base}static/page.css">
</head>
<body class="card-page">
<nav><a href="{base}">&larr; Models</a></nav>
<main>
{body}
</main>
</body>
</html>
"""


def model_folder(settings: Settings, model_id: str) -> Folder | None:
    """Return the folder of a published model, or None if there is no such model."""
    lake = lake_of(settings)
    # Compared with the existing names: user input never becomes a path.
    return lake.current("models", model_id) if model_id in lake.keys("models") else None


def card(folder: Folder | None, base: str) -> str | None:
    """Return the model card as an HTML page; HTML markup in the card's text is escaped.

    Args:
        folder: the folder that contains `card.md`.
        base: relative URL from the card to the Models page.

    Returns:
        None if there is no card.
    """
    path = folder / "card.md" if folder else None
    if path is None or not path.is_file():
        return None
    text = path.read_text(encoding="utf-8")
    title = escape(text.splitlines()[0].lstrip("# ") if text else "Model card")
    return _CARD.format(title=title, base=base, body=to_html(text))


def verdict_folder(settings: Settings, day: str) -> Folder | None:
    """Return the folder of a day's verdict and card."""
    return current(lake_of(settings), "verdicts", day)


def day_plot(settings: Settings, day: str, name: str) -> Path | None:
    """Return a plot of a day's evaluation."""
    folder = current(lake_of(settings), "evaluations", day)
    return below(folder / "plots", name) if folder else None


def data_doc(settings: Settings, day: str, name: str) -> Path | None:
    """Return a file of the day's Data Docs."""
    folder = current(lake_of(settings), "checks", day)
    return below(folder / DOCS, name) if folder else None


def data_docs_page(page: str, base: str) -> str:
    """Return a Data Docs page without scripts, and with a link to the Models page, as Airflow's frame offers no other.

    Pages written by earlier versions still contain the scripts that fill their tables.
    """
    page = static_page(page)
    return re.sub(r"<body[^>]*>", lambda body: f'{body[0]}<p><a href="{base}">&larr; Models</a></p>', page, count=1)


def below(folder: Path, name: str) -> Path | None:
    """Return the file `name` if it lies inside `folder` after resolving links and dots."""
    try:
        path = (folder / name).resolve()
        return path if path.is_relative_to(folder.resolve()) and path.is_file() else None
    except (OSError, ValueError):  # not a valid file name
        return None
