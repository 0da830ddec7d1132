"""Data Docs without scripts and remote elements; pages recorded from Great Expectations."""

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

from leapline.quality.data_docs import make_self_contained, static_page
from tests.ui.lake import DATA_DOCS

INDEX = (DATA_DOCS / "index.html").read_text()


class VisibleText(HTMLParser):
    """Collects the text outside of scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self._hidden, self.text = 0, ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._hidden += tag in {"script", "style"}

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in {"script", "style"}

    def handle_data(self, data: str) -> None:
        self.text += "" if self._hidden else f" {data.strip()}"


def test_index_lists_results_and_suites_without_scripts() -> None:
    page = static_page(INDEX)
    assert "<script" not in page
    assert not re.search(r"\son\w+=", page)
    text = VisibleText(page).text
    assert "Status Run Time Run Name Asset Name Batch ID Expectation Suite" in text
    assert re.search(r"Success\s+2026-11-28 21:29:15 UTC\s+__none__\s+numbers", text)
    [link] = re.findall(r'<a href="(validations/[^"]*)">', page)
    assert (DATA_DOCS / link.replace("%20", " ")).exists()


def test_rewriting_twice_changes_nothing() -> None:
    assert static_page(static_page(INDEX)) == static_page(INDEX)


def test_table_in_an_unknown_form_says_so() -> None:
    page = static_page(INDEX.replace("'title': 'Status'", "'title': unknown_name"))
    assert "The rows of this table could not be read." in page


def test_every_page_is_rewritten_without_scripts(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    shutil.copytree(DATA_DOCS, docs)
    make_self_contained(docs)
    pages = list(docs.rglob("*.html"))
    assert len(pages) == 2
    for page in pages:
        text = page.read_text()
        assert "<script" not in text
        assert not re.search(r'(src|<link[^>]*href)="https?://', text)
