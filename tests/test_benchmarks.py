"""Published benchmark tables agree with their JSON; the simulation study of intervals."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks import metrics, report, scale
from benchmarks.interval_coverage import Shop, simulate
from tests.conftest import ROOT

FOLDER = ROOT / "docs/benchmarks"


@pytest.mark.parametrize(("name", "write"), [("scoring", report.markdown), ("scale", scale.markdown)])
def test_published_table_agrees_with_its_json(name: str, write: Callable[[dict[str, Any]], str]) -> None:
    figures = json.loads((FOLDER / f"{name}.json").read_text())
    assert (FOLDER / f"{name}.md").read_text() == write(figures)


@pytest.mark.parametrize("shop", [Shop(), Shop(visitors=400)], ids=["900 visitors", "400 visitors"])
def test_95_percent_intervals_contain_the_truth_in_95_percent_of_holdouts(shop: Shop) -> None:
    coverage = simulate(shop, 500)
    assert 0.92 <= coverage.roc_auc <= 0.98
    assert 0.91 <= coverage.average_precision <= 0.98
    assert 0.92 <= coverage.difference <= 0.98


def test_weighted_areas_agree_with_scikit_learn() -> None:
    result = metrics.measure(sessions=600, resamples=20)
    assert result["roc_auc_difference"] < 1e-12
    assert result["average_precision_difference"] < 1e-12
