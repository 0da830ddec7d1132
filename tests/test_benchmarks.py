"""Published benchmark tables agree with their JSON; the simulation study of intervals."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks import capacity, metrics, report, scale
from benchmarks.interval_coverage import Shop, simulate
from tests.conftest import ROOT

FOLDER = ROOT / "docs/benchmarks"


@pytest.mark.parametrize(("name", "write"), [("scoring", report.markdown), ("scale", scale.markdown)])
def test_published_table_agrees_with_its_json(name: str, write: Callable[[dict[str, Any]], str]) -> None:
    figures = json.loads((FOLDER / f"{name}.json").read_text())
    assert (FOLDER / f"{name}.md").read_text() == write(figures)


def test_processor_time_of_a_process_that_nobody_waits_for_is_counted() -> None:
    busy = "import time\nwhile time.process_time() < 1.5: pass"
    parent = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {busy!r}], stdout=subprocess.PIPE)\n"
        "child.stdout.read()  # until it ends"
    )
    with scale.Usage(os.getpid()) as usage:
        subprocess.run([sys.executable, "-c", parent], check=True)
    assert 1 < usage.core_seconds < 2.5
    assert usage.peak_bytes > 5_000_000


def test_cost_of_a_step_is_a_fixed_part_and_a_part_per_line() -> None:
    def size(lines: int, seconds: float) -> dict[str, Any]:
        return {"lines": lines, "steps": {"extract": {"core_seconds": seconds}}}

    cost = capacity.cost_of("extract", [size(4_000_000, 90.0), size(1_000_000, 60.0)])
    assert cost == capacity.Cost(fixed=50.0, per_line=1e-5)
    assert cost.core_seconds(10_000_000) == 150
    assert capacity.cost_of("extract", [size(1_000_000, 60.0), size(4_000_000, 50.0)]).per_line == 0


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
