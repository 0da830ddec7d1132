"""Rows of SQL's COPY become lines of the enriched format, which has no escapes."""

import pytest

from leapline.sources.tables.copy_text import unescape


@pytest.mark.parametrize(
    ("row", "line"),
    [
        (rb"a	b", b"a\tb"),
        (rb"C:\\new\\table", rb"C:\new\table"),
        (rb"\\N	\\.", rb"\N	\."),
        (rb"a\tb\nc\rd", b"a    bcd"),
        (rb"\\\t\\\\\n\\\\t", rb"\    \\\\t"),
        (rb"\b\f\v", b"\x08\x0c\x0b"),
        (rb'{"a":"\\"\\\\n"}', rb'{"a":"\"\\n"}'),
    ],
)
def test_escapes_are_replaced(row: bytes, line: bytes) -> None:
    assert unescape(row + b"\n") == line + b"\n"
