"""Published benchmark tables agree with their JSON; the simulation study of intervals."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import (
    capacity,
    compiled,
    executors,
    gate_leakage,
    gate_luck,
    metrics,
    quick,
    report,
    scale,
    served_rules,
    training,
)
from benchmarks.interval_coverage import Shop, simulate, simulate_owned
from leapline.bundle.model import Continuous, Leaf
from leapline.records import data_seals
from leapline.storage import Lake, write_json
from tests.conftest import ROOT

FOLDER = ROOT / "docs/benchmarks"


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("scoring", report.markdown), ("scale", scale.markdown), ("capacity", capacity.markdown),
        ("gate", gate_luck.markdown), ("gate-leakage", gate_leakage.markdown),
        ("training", training.markdown), ("executors", executors.markdown),
    ],
)  # fmt: skip
def test_published_table_agrees_with_its_json(name: str, write: Callable[[dict[str, Any]], str]) -> None:
    figures = json.loads((FOLDER / f"{name}.json").read_text())
    assert (FOLDER / f"{name}.md").read_text() == write(figures)


def test_right_children_follow_the_left_subtrees() -> None:
    split, leaf = Continuous(0, 0.5), Leaf((1.0, 2.0))
    assert compiled.right_children([leaf]) == [0]
    assert compiled.right_children([split, split, leaf, leaf, split, leaf, leaf]) == [4, 3, 0, 0, 6, 0, 0]
    assert compiled.right_children([split, leaf, split, leaf, leaf]) == [2, 0, 4, 0, 0]


def test_planted_leaks_are_refused_and_named_and_the_control_passes() -> None:
    control, *leaks = gate_leakage.summary(gate_leakage.simulate(range(1), 4000))
    assert (control["passed_before"], control["passed_after"]) == (1, 1)
    assert [(row["passed_after"], row["named"]) for row in leaks] == [(0, 1)] * 5
    assert max(row["passed_before"] for row in leaks) == 1


def test_processor_time_of_a_process_that_nobody_waits_for_is_counted() -> None:
    # The first child has worked before the measurement, and lives on; the second works during it.
    parent = """
import subprocess, sys
busy = "import time\\nwhile time.process_time() < 1.5: pass\\nprint(flush=True); input()"
start = lambda: subprocess.Popen([sys.executable, "-c", busy], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
children = []
while sys.stdin.readline():
    children.append(start())
    children[-1].stdout.readline()
    print(flush=True)
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", parent], **pipes) as process:  # type: ignore[call-overload]

        def start_child() -> None:
            process.stdin.write("\n")
            process.stdin.flush()
            process.stdout.readline()

        start_child()
        with scale.Usage(process.pid) as usage:
            start_child()
        process.stdin.close()
    assert 1 < usage.core_seconds < 2.5
    assert usage.peak_bytes > 5_000_000


@pytest.mark.parametrize("examples", [60, 1000])
def test_enlarged_days_share_no_visitor_and_keep_sessions_together(tmp_path: Path, examples: int) -> None:
    base, target = Lake(tmp_path / "base"), Lake(tmp_path / "target")
    rng = np.random.default_rng(1)
    visitors = [rng.bytes(32).hex() for _ in range(120)]
    names = {"session": [rng.bytes(32).hex() for _ in range(240)], "visitor": visitors * 2}
    for dataset, tables in training.TABLES.items():
        with base.attempt(dataset, scale.DAY) as out:
            write_json(out / "examples.json", {"examples": 240})
            for name in tables:
                (out / name).mkdir()
                pq.write_table(pa.table(names), out / name / "part.parquet")
    training.enlarge(base, target, examples)
    days = {}
    for day in (training.TRAINING, training.HOLDOUT):
        folders = {name: data_seals.unchanged(target, name, day) for name in training.TABLES}
        rows, events = pq.read_table(folders["examples"] / "examples"), pq.read_table(folders["events"] / "events")
        assert abs(rows.num_rows - examples) < 0.25 * examples
        assert rows.equals(events), "names are replaced in the same way"
        assert len(set(rows["session"].to_pylist())) == rows.num_rows
        days[day] = set(rows["visitor"].to_pylist())
        assert rows.num_rows == 2 * len(days[day]), "a visitor keeps both sessions"
    assert not days[training.TRAINING] & days[training.HOLDOUT]


def test_growth_per_tenfold_is_computed_from_the_size_before() -> None:
    def size(examples: int, seconds: float) -> dict[str, Any]:
        step = {"seconds": 1.0, "core_seconds": seconds, "peak_memory_bytes": 2**31}
        numbers = dict.fromkeys(
            ("examples", "pairs", "holdout_examples", "holdout_sessions", "holdout_pairs"), examples
        )
        return {**numbers, "steps": {"train": step, "evaluate": step}}

    machine = {"cores": 2, "processor": "a processor", "load_before": 0.0}
    sizes = [size(10_000, 30.0), size(100_000, 90.0), size(10_000_000, 360.0)]
    head = {"machine": machine, "driver_memory": "4g", "driver_options": ""}
    rows = [line.split(" | ") for line in training.markdown({**head, "sizes": sizes}).splitlines() if "| train" in line]
    assert [row[6] for row in rows] == ["", "3.0", "2.0"]


def test_cost_of_a_step_is_a_fixed_part_and_a_part_per_line() -> None:
    def size(lines: int, seconds: float) -> dict[str, Any]:
        return {"lines": lines, "steps": {"extract": {"core_seconds": seconds}}}

    cost = capacity.cost_of("extract", [size(4_000_000, 90.0), size(1_000_000, 60.0)])
    assert cost == capacity.Cost(fixed=50.0, per_line=1e-5)
    assert cost.core_seconds(10_000_000) == 150
    assert capacity.cost_of("extract", [size(1_000_000, 60.0), size(4_000_000, 50.0)]).per_line == 0


def test_figures_of_another_machine_or_heap_are_refused(tmp_path: Path) -> None:
    machine = {"processor": "a processor", "cores": 2}
    here = {"machine": machine, "driver_memory": "4g", "driver_options": "-Xint"}
    file = tmp_path / "scale.json"
    for name, other in (("machine", {**machine, "cores": 4}), ("driver_memory", "6g"), ("driver_options", "")):
        file.write_text(json.dumps({**here, name: other, "sizes": [{"lines": 1}]}))
        with pytest.raises(SystemExit, match="scale.json: measured with"):
            capacity.measured_before(file, here)
    file.write_text(json.dumps({**here, "sizes": [{"lines": 1}]}))
    assert capacity.measured_before(file, here) == [{"lines": 1}]


@pytest.mark.parametrize("shop", [Shop(), Shop(visitors=400)], ids=["900 visitors", "400 visitors"])
def test_95_percent_intervals_contain_the_truth_in_95_percent_of_holdouts(shop: Shop) -> None:
    coverage = simulate(shop, 500)
    assert 0.92 <= coverage.roc_auc <= 0.98
    assert 0.91 <= coverage.average_precision <= 0.98
    assert 0.92 <= coverage.difference <= 0.98


def test_intervals_contain_the_truth_if_one_visitor_has_half_of_the_purchases() -> None:
    coverage = simulate_owned(30, 30, 200)
    assert coverage.effective < 4
    assert coverage.normal < 0.92 < 0.95 <= coverage.t
    assert coverage.t_above < coverage.normal_above
    assert simulate_owned(10, 40, 1).t == 1, "there is no interval"


def test_weighted_areas_agree_with_scikit_learn() -> None:
    result = metrics.measure(sessions=600, resamples=20)
    assert result["roc_auc_difference"] < 1e-12
    assert result["average_precision_difference"] < 1e-12


def test_gate_refuses_lucky_models_and_passes_good_ones() -> None:
    """Ten holdouts of each kind: a wrong model seldom passes now, and a good one seldom fails."""
    passed = {case.what: np.sum([case(seed) for seed in range(10)], axis=0) for case in gate_luck.CASES}
    wrong = {case.what for case in gate_luck.CASES if case.wrong}
    assert sum(passed[what][0] for what in wrong) > 10, "many of them passed before"
    assert all(after <= 2 for what, (_, after) in passed.items() if what in wrong)
    before, after = passed["demo's size, as good as the demo's forest"]
    assert before >= after >= 8


def test_declining_champions_stop_near_the_best_one() -> None:
    lines = [gate_luck.days_in_a_row(seed, gate_luck.LARGE, 0.003, 0.95) for seed in range(4)]
    lost = [[max(line.champions) - line.champions[-1] for line in pair] for pair in lines]
    before, after = np.mean(lost, axis=0)
    assert after < before
    assert after < 0.02


def test_rules_about_what_is_served_refuse_planted_models_and_not_good_ones() -> None:
    refused = served_rules.refused_ratios(183, (1.0, 1.125, 1.48), holdouts=60)
    assert refused[1.0] <= refused[1.125] <= 0.05
    assert refused[1.48] > 0.7
    assert max(served_rules.refused_ratios(40, (1.0, 1.125), holdouts=60).values()) <= 0.05, (
        "few buyers, no luck needed"
    )
    early = {model: served_rules.refused_early(250, 2000, model, holdouts=25) for model in ("good", "equal", "random")}
    assert early["good"] <= early["equal"] <= 0.1
    assert early["random"] > 0.9


def quick_results(lines: int = 1000, loop: float = 0.5, **core_seconds: float) -> dict[str, Any]:
    return {"lines": lines, "steps": {step: {"core_seconds": s, "loop": loop} for step, s in core_seconds.items()}}


def test_step_that_costs_more_reference_loops_than_before_fails_the_quick_benchmark() -> None:
    baseline = quick_results(extract=20, train=10, gate=0.1)

    def outcome(**changed: Any) -> tuple[dict[str, str], int]:
        results = quick_results(**{"extract": 20, "train": 10, "gate": 0.1} | changed)
        changes = quick.compare(baseline, results, 0.25)
        return {c.step: c.verdict for c in changes}, quick.conclusion(changes, baseline, results, 0.25)[1]

    same = dict.fromkeys(("extract", "train", "gate"), "same")
    assert outcome(extract=24) == (same, 0)
    assert outcome(extract=26) == (same | {"extract": "slower"}, 1)
    assert outcome(extract=15) == (same | {"extract": "faster"}, 0)
    assert outcome(gate=0.9) == (same, 0), "too short to judge"
    assert outcome(extract=40, train=20, gate=0.2, loop=1.0) == (same, 0), "a machine of half the speed"
    assert outcome(lines=999)[1] == 2
    assert outcome(deploy=1)[1] == 2


def test_baseline_of_the_quick_benchmark_has_the_measured_steps() -> None:
    assert json.loads(quick.BASELINE.read_text())["steps"].keys() == {"generate", *quick.STEPS}


def test_processor_time_of_processes_that_have_ended_is_counted() -> None:
    before = quick.tree_seconds()
    subprocess.run([sys.executable, "-c", "import time\nwhile time.process_time() < 0.6: pass"], check=True)
    assert 0.5 < quick.tree_seconds() - before < 2
