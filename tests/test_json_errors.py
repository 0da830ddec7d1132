"""Line numbers of values in JSON documents of any layout."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leapline.json_errors import line_of

TEXT = """{"version": 1,
 "rules": [ {"name": "a, b: [c]",
   "kind" : "other"}
  , {"name": "d"},
  [1,
   2]
 ], "last":
   {}}"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 1), (("version",), 1), (("rules",), 2), (("rules", 0), 2), (("rules", 0, "kind"), 3), (("rules", 1), 4),
        (("rules", 2, 1), 6), (("last",), 8), (("rules", 1, "kind"), 4), (("rules", 9), 2), (("nothing", 1), 1),
        (("version", "x"), 1),
    ],
)  # fmt: skip
def test_path_is_located_on_its_line(path: tuple[Any, ...], line: int) -> None:
    assert line_of(TEXT, path) == line


VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(VALUES)
def test_every_value_of_an_indented_document_is_located(document: Any) -> None:
    """With an indent every value has its own line, which ends with the first characters of the value."""
    text = json.dumps(document, indent=1)
    lines = text.split("\n")
    for path, value in walk(document):
        begins = json.dumps(value, indent=1).split("\n")[0]
        assert lines[line_of(text, path) - 1].rstrip(",").endswith(begins)


def walk(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], Any]]:
    """Return every value with its path."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(path, value), *(pair for key, item in inner for pair in walk(item, (*path, key)))]
