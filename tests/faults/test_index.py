"""The page about faults has one row per fault, and every test that it names exists."""

import ast
import re
from functools import cache
from pathlib import Path

from tests.conftest import ROOT
from tests.test_docs import table_rows

PAGE = ROOT / "docs" / "faults.md"
NAMED = re.compile(r"`((?:tests|include)/[\w/]+\.(?:py|go))(?:::(\w+))?`")


@cache
def functions(path: Path) -> frozenset[str]:
    """Return the names of a file's test functions, without running it."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".go":
        return frozenset(re.findall(r"^func (Test\w+)\(", text, re.MULTILINE))
    return frozenset(node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef))


def test_page_has_a_row_for_each_of_28_faults_with_a_test() -> None:
    rows = [row for row in table_rows(PAGE.read_text(encoding="utf-8")) if row[0].isdigit()]
    assert [int(row[0]) for row in rows] == list(range(1, 29))
    for number, fault, happens, shown in rows:
        assert fault and happens, number
        assert NAMED.findall(shown), f"fault {number} names no test"


def test_every_named_test_exists() -> None:
    named = NAMED.findall(PAGE.read_text(encoding="utf-8"))
    assert len(named) > 60
    for file, name in named:
        assert (ROOT / file).is_file(), file
        assert not name or (name in functions(ROOT / file) and name.lower().startswith("test")), f"{file}::{name}"
