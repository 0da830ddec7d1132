"""Markdown is rendered as HTML without active content."""

from leapline.markdown import to_html


def test_tables_scroll_in_a_container() -> None:
    page = to_html("| a | b |\n| --- | --- |\n| 1 | 2 |\n")
    assert page.startswith('<div class="scroll" tabindex="0" role="region" aria-label="table"><table>')
    assert page.rstrip().endswith("</table></div>")


def test_html_is_escaped() -> None:
    assert "<img" not in to_html("<img src=x onerror=alert(1)>")
    assert "<a" not in to_html("[x](javascript:alert(1))")


def test_pictures_can_be_replaced() -> None:
    page = to_html("![ROC](roc.svg)\n\n![other](other.svg)", {"roc.svg": "data:image/svg+xml;base64,AAAA"})
    assert 'src="data:image/svg+xml;base64,AAAA" alt="ROC"' in page
    assert 'src="other.svg"' in page
