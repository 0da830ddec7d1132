"""Render Markdown as HTML: model cards, in their HTML file and on the Models page alike.

HTML in the text is escaped, links with unsafe schemes are not rendered, and tables scroll inside a container of their
own, by keyboard as well.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_TABLE_OPEN = '<div class="scroll" tabindex="0" role="region" aria-label="table"><table>\n'
_TABLE_CLOSE = "</table></div>\n"


def to_html(text: str, pictures: Mapping[str, str] | None = None) -> str:
    """Return the body of an HTML page.

    Args:
        text: CommonMark with tables.
        pictures: picture link in the text -> source to use instead, such as a `data:` URI.
    """
    parser = _parser()
    tokens = parser.parse(text)
    for token in tokens:
        for child in token.children or []:
            if child.type == "image":
                link = str(child.attrs["src"])
                child.attrs["src"] = (pictures or {}).get(link, link)
    return str(parser.renderer.render(tokens, parser.options, {}))


def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.add_render_rule("table_open", _constant(_TABLE_OPEN))
    parser.add_render_rule("table_close", _constant(_TABLE_CLOSE))
    return parser


def _constant(html: str) -> Any:
    def render(*_: Any) -> str:
        return html

    return render
