"""Data Docs that need neither network nor scripts: plain HTML pages with a style sheet of their own.

Great Expectations' pages load styles and scripts from CDNs, and build the tables of the index with these scripts. This
module removes the remote elements and all scripts, and writes the tables' rows into the page.
"""

import ast
import re
from html import escape
from pathlib import Path

_STYLES = """
:root { color-scheme: light dark; }
body { margin: 0 auto; max-width: 70rem; padding: 1rem; font: 15px/1.5 system-ui, sans-serif; }
h1, h2, h3, h4, h5 { line-height: 1.25; margin: 1rem 0 .5rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1rem; }
th, td { border: 1px solid #9aa5b155; padding: .35rem .6rem; text-align: left; vertical-align: top; }
ul { padding-left: 1.2rem; }
a { color: #2563a8; }
.row { display: flex; flex-wrap: wrap; gap: 1rem; }
.col-lg-2, .col-md-2, .navigation { flex: 0 0 14rem; }
[class*="col-lg-10"], [class*="col-md-10"], .col-8, .col-md-8 { flex: 1; min-width: 0; }
.card, .alert { border: 1px solid #9aa5b155; border-radius: .4rem; padding: .6rem 1rem; margin-bottom: 1rem; }
.text-success, .fa-check-circle { color: #1a7f37; }
.text-danger, .fa-times { color: #b42318; }
.fa-check-circle::before { content: "\\2713 "; }
.fa-times::before { content: "\\2717 "; }
.badge { border: 1px solid currentColor; border-radius: .6rem; padding: 0 .45rem; font-size: .85em; }
.breadcrumb { display: flex; gap: .5rem; list-style: none; padding: 0; }
.collapse:not(.show), [data-toggle="collapse"], .d-none, .modal, footer, form, .btn { display: none !important; }
pre { overflow: auto; }
"""

_SCRIPT = re.compile(r"<script\b.*?</script>", re.DOTALL | re.IGNORECASE)
_HANDLER = re.compile(r"\s(?:onclick|onload)=\"[^\"]*\"", re.IGNORECASE)
# Elements, and URLs in style sheets, that refer to another host.
_REMOTE = (
    re.compile(r"<link\b[^>]*\bhref=\"https?://[^\"]*\"[^>]*/?>", re.DOTALL),
    re.compile(r"<img\b[^>]*\bsrc=\"https?://[^\"]*\"[^>]*/?>", re.DOTALL),
    re.compile(r"url\('https?://[^']*'\)"),
)
# A table of the index is empty; the script after it contains columns and rows as literals.
_TABLE = re.compile(
    r"(?P<start><table\s+id=\"(?P<id>[\w-]+)\"[^>]*>)\s*</table>.*?"
    r"\$\('#(?P=id)'\)\.bootstrapTable\(.*?columns: (?P<columns>\[.*?\]),\n\s*data: (?P<rows>\[.*?\]),\n\s*toolbar:",
    re.DOTALL,
)
_LINK = "_table_row_link_path"


def make_self_contained(docs: Path) -> None:
    """Rewrite every page below a Data Docs folder."""
    for page in docs.rglob("*.html"):
        text = static_page(page.read_text(encoding="utf-8"))
        page.write_text(text.replace("</head>", f"<style>{_STYLES}</style>\n</head>", 1), encoding="utf-8")


def static_page(page: str) -> str:
    """Return a page of the Data Docs without scripts and remote elements; links to other sites stay links."""
    tables = {match["id"]: _table_rows(match["columns"], match["rows"]) for match in _TABLE.finditer(page)}
    page = _HANDLER.sub("", _SCRIPT.sub("", page))
    for pattern in _REMOTE:
        page = pattern.sub("", page)
    for table_id, rows in tables.items():
        page = re.sub(
            rf"(<table\s+id=\"{re.escape(table_id)}\"[^>]*>)\s*</table>",
            lambda match, rows=rows: f"{match[1]}{rows}</table>",  # type: ignore[misc]
            page,
        )
    return page


def _table_rows(columns_literal: str, rows_literal: str) -> str:
    """Return the head and the body of a table; the cells contain HTML by Great Expectations."""
    try:
        columns, rows = ast.literal_eval(columns_literal), ast.literal_eval(rows_literal)
    except (ValueError, SyntaxError):
        return "<tbody><tr><td>The rows of this table could not be read.</td></tr></tbody>"
    head = "".join(f"<th>{escape(column['title'])}</th>" for column in columns)
    body = "".join(f"<tr>{_cells(columns, row)}</tr>" for row in rows)
    return f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"


def _cells(columns: list[dict[str, str]], row: dict[str, str]) -> str:
    """Return the cells of a row; the script made the whole row a link, here its first cell links to the result."""
    cells = [str(row.get(column["field"], "")) for column in columns]
    if "_validation_success_text" in row:
        cells[0] = escape(row["_validation_success_text"])
    if row.get(_LINK) and "<a " not in cells[0]:
        cells[0] = f'<a href="{escape(row[_LINK])}">{cells[0].strip() or "Open"}</a>'
    return "".join(f"<td>{cell}</td>" for cell in cells)
