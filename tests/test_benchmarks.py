"""The published tables are what the published figures say."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks import report, scale
from tests.conftest import ROOT

FOLDER = ROOT / "docs/benchmarks"


@pytest.mark.parametrize(("name", "write"), [("scoring", report.markdown), ("scale", scale.markdown)])
def test_a_table_is_made_of_its_figures(name: str, write: Callable[[dict[str, Any]], str]) -> None:
    figures = json.loads((FOLDER / f"{name}.json").read_text())
    assert (FOLDER / f"{name}.md").read_text() == write(figures)
