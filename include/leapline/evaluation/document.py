"""A short document of headings, paragraphs, tables and pictures, as Markdown and as one page of HTML.

In a text `code`, **bold** and lines that begin with `* ` mean what they mean in Markdown. The same blocks give the same
bytes."""

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Heading:
    """A title; level 1 is the document's own."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Text:
    """A paragraph, or a list if its lines begin with `* `."""

    text: str


@dataclass(frozen=True)
class Table:
    """A table; cells are written with `str`, whole numbers with thousands set apart."""

    head: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Picture:
    """A picture: a link, or a `data:` address that holds it."""

    caption: str
    source: str


Block = Heading | Text | Table | Picture


def to_markdown(blocks: Sequence[Block]) -> str:
    """The document as Markdown."""
    return "\n\n".join(_markdown(block) for block in blocks) + "\n"


def to_html(title: str, blocks: Sequence[Block]) -> str:
    """The document as one HTML file that fetches nothing."""
    body = "\n".join(_html(block) for block in blocks)
    return _PAGE.format(title=html.escape(title), style=_STYLE, body=body)


def _markdown(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {text}"
        case Picture(caption, source):
            return f"![{caption}]({source})"
        case Table(head, rows):
            lines = [head, ["---"] * len(head), *rows]
            return "\n".join(f"| {' | '.join(_pipes(_cell(cell)) for cell in line)} |" for line in lines)
        case Text(text):
            return text


def _html(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{_inline(text)}</h{level}>"
        case Picture(caption, source):
            return f'<figure><img src="{html.escape(source)}" alt="{html.escape(caption)}"></figure>'
        case Table(head, rows):
            return f"<table><thead>{_row('th', head)}</thead>\n<tbody>{_rows(rows)}</tbody></table>"
        case Text(text):
            return _list(text) if text.startswith("* ") else f"<p>{_inline(text)}</p>"


def _rows(rows: Sequence[Sequence[Any]]) -> str:
    return "\n".join(_row("td", row) for row in rows)


def _row(tag: str, cells: Sequence[Any]) -> str:
    return "<tr>" + "".join(f"<{tag}>{_inline(_cell(cell))}</{tag}>" for cell in cells) + "</tr>"


def _list(text: str) -> str:
    items = re.split(r"^\* ", text, flags=re.MULTILINE)[1:]
    return "<ul>" + "".join(f"<li>{_inline(item.strip())}</li>" for item in items) + "</ul>"


def _inline(text: str) -> str:
    marks: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
        (r"`([^`]+)`", lambda m: f"<code>{m[1]}</code>"),
        (r"\*\*([^*]+)\*\*", lambda m: f"<strong>{m[1]}</strong>"),
    )
    result = html.escape(text, quote=False)
    for pattern, replacement in marks:
        result = re.sub(pattern, replacement, result)
    return result


def _cell(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _pipes(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


_STYLE = """\
body{font:16px/1.5 system-ui,sans-serif;color:#243b53;max-width:58rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.7rem}h2{font-size:1.2rem;margin-top:2.2rem;border-bottom:1px solid #e4e7eb}
table{border-collapse:collapse;margin:1rem 0;display:block;overflow-x:auto}
th,td{text-align:left;padding:.3rem .8rem;border-bottom:1px solid #e4e7eb;vertical-align:top}
th{background:#f5f7fa}code{background:#f0f4f8;padding:0 .2rem;overflow-wrap:anywhere}
figure{margin:1rem 0}img{max-width:100%}"""

_PAGE = """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>{style}</style></head>
<body>
{body}
</body>
</html>
"""
