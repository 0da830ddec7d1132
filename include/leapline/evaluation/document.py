"""A document of headings, paragraphs, tables and pictures, written as Markdown, and its HTML page.

Text may use Markdown: `code`, **bold**, lists. Text from data passes through `plain` or `code` first, so that nothing
in it is taken for Markdown. Equal blocks are written as equal bytes.
"""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leapline.markdown import to_html


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is the document's title."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Text:
    """A paragraph or a list, as Markdown."""

    text: str


@dataclass(frozen=True)
class Table:
    """A table; cells are Markdown, integers are written with thousands separated."""

    head: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Picture:
    """A picture and its link."""

    caption: str
    source: str


Block = Heading | Text | Table | Picture


def to_markdown(blocks: Sequence[Block]) -> str:
    """Return the document as Markdown."""
    return "\n\n".join(_markdown(block) for block in blocks) + "\n"


def to_page(title: str, blocks: Sequence[Block], pictures: Mapping[str, str]) -> str:
    """Return the document as one self-contained HTML page.

    Args:
        title: of the page.
        blocks: the content.
        pictures: link of a `Picture` -> `data:` URI with its content.
    """
    body = to_html(to_markdown(blocks), pictures)
    return _PAGE.format(title=html.escape(title), style=_STYLE, body=body)


def plain(text: str) -> str:
    """Escape text so that Markdown shows it verbatim; underscores within words need no escape."""
    escaped = re.sub(r"([\\`*\[\]<&])", r"\\\1", text)
    return re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", escaped)


def code(text: str) -> str:
    """Return text as a Markdown code span, whatever backticks it contains."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence, pad = "`" * (longest + 1), " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _markdown(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {text}"
        case Picture(caption, source):
            return f"![{caption}]({source})"
        case Table(head, rows):
            lines = [head, ["---"] * len(head), *rows]
            return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)
        case Text(text):
            return text


def _cell(value: Any) -> str:
    text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


_STYLE = """\
body{font:16px/1.5 system-ui,sans-serif;color:#243b53;max-width:58rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.7rem}h2{font-size:1.2rem;margin-top:2.2rem;border-bottom:1px solid #e4e7eb}
.scroll{overflow-x:auto;margin:1rem 0}table{border-collapse:collapse}
th,td{text-align:left;padding:.3rem .8rem;border-bottom:1px solid #e4e7eb;vertical-align:top}
th{background:#f5f7fa}code{background:#f0f4f8;padding:0 .2rem;overflow-wrap:anywhere}
img{max-width:100%}"""

_PAGE = """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>{style}</style></head>
<body>
{body}</body>
</html>
"""
