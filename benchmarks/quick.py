"""Compare the processor time of each step with the committed baseline; takes at most two minutes.

    python -m benchmarks.quick [--tolerance 0.25] [--renew]

The steps of one generated day run in one driver. Their core-seconds are divided by those of a reference loop that runs
between them, so that the figures of machines of different speed can be compared. A step that costs more than the
baseline allows ends the benchmark with exit status 1. `--renew` writes the baseline, `quick_baseline.json`.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import psutil
from rich.table import Column, Table

from benchmarks import reference_loop
from benchmarks.scoring import ROOT, machine, report_progress
from leapline.console import stdout
from leapline.runtime.context import RunContext
from leapline.runtime.spark import shared_driver
from leapline.runtime.step import perform
from leapline.settings import Settings
from leapline.synthetic import GeneratorSpec, generate

BASELINE: Final = Path(__file__).with_name("quick_baseline.json")
DAY: Final = date(2026, 3, 4)
SESSIONS: Final = 10_000
STEPS: Final = ("extract", "check_events", "featurize", "train", "evaluate", "gate", "package", "probe")
"""The steps that need no registry. The first one also pays for the start of the driver, and each for the compilation of
what it is the first to use."""
TOLERANCE: Final = 0.25
"""How much more a step may cost than in the baseline."""
_SMALL: Final = 2.0
"""A difference below so many loops is noise, whatever its share of a short step."""


@dataclass(frozen=True)
class Change:
    """A step's cost, in reference loops, next to the baseline.

    Attributes:
        step: its name.
        cost: core-seconds of the step divided by those of the reference loop.
        baseline: the same in the baseline; None if it does not have the step.
        verdict: `slower` if the benchmark fails because of it, `faster` if the baseline should be renewed, or `same`.
    """

    step: str
    cost: float
    baseline: float | None
    verdict: str


def main() -> None:
    """Measure, then compare or renew."""
    parser = argparse.ArgumentParser(prog="benchmarks.quick", description=__doc__)
    parser.add_argument("--tolerance", type=float, default=TOLERANCE, help="how much more a step may cost, as a share")
    parser.add_argument("--renew", action="store_true", help=f"write {BASELINE.name} instead of comparing with it")
    args = parser.parse_args()
    results = {"machine": machine(), **measure()}
    if args.renew:
        BASELINE.write_text(json.dumps(results, indent=1) + "\n")
        print(f"Written: {BASELINE}. Commit it with the change that it belongs to.")
        return
    baseline = json.loads(BASELINE.read_text())
    changes = compare(baseline, results, args.tolerance)
    stdout().print(table(changes, results))
    text, status = conclusion(changes, baseline, results, args.tolerance)
    print(f"Compiled code: {results['code_cache']['used_mb']} of {results['code_cache']['max_mb']} MB.", text)
    sys.exit(status)


def measure() -> dict[str, Any]:
    """Run generator and steps; return the events of the day, and core-seconds of each step and of the loops around."""
    results: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="leapline-quick-") as folder:
        settings = _settings(Path(folder))
        loop = reference_loop.measure()

        def run(step: str, work: Any) -> Any:
            nonlocal loop
            report_progress(step)
            before, began = tree_seconds(), time.monotonic()
            summary = work()
            used, seconds = tree_seconds() - before, time.monotonic() - began
            loops, loop = loop, reference_loop.measure()
            results[step] = {
                "core_seconds": round(used, 2), "seconds": round(seconds, 2), "loop": round((loops + loop) / 2, 3)
            }  # fmt: skip
            return summary

        spec = GeneratorSpec(start=DAY, days=1, sessions_per_day=SESSIONS)
        events = run("generate", lambda: generate(settings.landing_dir, spec)).lines
        context = RunContext(DAY, "bench-quick", False)
        with shared_driver():
            for step in STEPS:
                function = import_module(f"leapline.steps.{step}").run
                run(step, lambda step=step, function=function: perform(step, function, settings, context))
            cache = code_cache()
    return {"lines": events, "code_cache": cache, "steps": results}


def code_cache() -> dict[str, int]:
    """Return the megabytes of compiled code in the driver, and of the space for it.

    The JVM stops compiling when the space is full; `leapline.runtime.spark_cds` sets its size.
    """
    from pyspark.sql import SparkSession

    session: Any = SparkSession.getActiveSession()
    pools = session._jvm.java.lang.management.ManagementFactory.getMemoryPoolMXBeans()
    usages = [pool.getUsage() for pool in pools if pool.getName().startswith("Code")]
    return {"used_mb": sum(u.getUsed() for u in usages) >> 20, "max_mb": sum(u.getMax() for u in usages) >> 20}


def _settings(home: Path) -> Settings:
    # Without settings of the developer or of the environment, and with the threads of `reference_loop.AT_ONCE`.
    return Settings(
        home=home, tools=ROOT / ".local", pseudonym_key="5a" * 32, training_days=0,
        spark_master=f"local[{reference_loop.AT_ONCE}]",
    )  # fmt: skip


def tree_seconds() -> float:
    """Return the processor time so far of this process, of its descendants, and of those that have ended."""
    total, this = 0.0, psutil.Process()
    for process in (this, *this.children(recursive=True)):
        try:
            total += sum(process.cpu_times()[:4])
        except psutil.Error:
            continue  # it has ended in the meantime
    return total


def cost(step: Mapping[str, float]) -> float:
    """Return the core-seconds of a step in reference loops."""
    return step["core_seconds"] / step["loop"]


def compare(baseline: Mapping[str, Any], results: Mapping[str, Any], tolerance: float) -> list[Change]:
    """Return the changes of all steps of the results."""
    before = {step: cost(figures) for step, figures in baseline["steps"].items()}
    return [_change(step, cost(figures), before.get(step), tolerance) for step, figures in results["steps"].items()]


def _change(step: str, now: float, before: float | None, tolerance: float) -> Change:
    verdict = "same"
    if before is not None and abs(now - before) > _SMALL:
        verdict = "slower" if now > before * (1 + tolerance) else "faster" if now < before / (1 + tolerance) else "same"
    return Change(step, now, before, verdict)


def conclusion(
    changes: list[Change], baseline: Mapping[str, Any], results: Mapping[str, Any], tolerance: float
) -> tuple[str, int]:
    """Return a sentence and the exit status: 0, 1 if a step is slower, 2 if the baseline is one of other steps or
    events."""
    renew = "`make bench-quick BENCH_ARGS=--renew` renews the baseline."
    if results["lines"] != baseline["lines"] or {c.step for c in changes} != baseline["steps"].keys():
        return f"The baseline is one of other steps or events. {renew}", 2
    slower, faster = ([c.step for c in changes if c.verdict == verdict] for verdict in ("slower", "faster"))
    if slower:
        return f"Over {tolerance:.0%} slower than the baseline: {', '.join(slower)}. If that is intended: {renew}", 1
    if faster:
        return f"Faster than the baseline: {', '.join(faster)}. {renew}", 0
    return f"No step costs over {tolerance:.0%} more than in the baseline.", 0


def table(changes: list[Change], results: Mapping[str, Any]) -> Table:
    """Return the changes as a table."""
    right = (Column(name, justify="right") for name in ("core-s", "wall s", "loops", "baseline", "change"))
    page = Table("step", *right, "verdict", title="cost of the steps; a loop is the reference of the same run")
    for change in changes:
        figures = results["steps"][change.step]
        compared = (
            (f"{change.baseline:.1f}", f"{change.cost / change.baseline - 1:+.0%}") if change.baseline else ("", "")
        )
        numbers = (f"{figures['core_seconds']:.1f}", f"{figures['seconds']:.1f}", f"{change.cost:.1f}", *compared)
        page.add_row(change.step, *numbers, change.verdict)
    return page


if __name__ == "__main__":
    main()
