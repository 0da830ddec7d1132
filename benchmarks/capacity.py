"""Extrapolate the measured steps to the volumes of large shops, and price them at AWS list prices.

    python -m benchmarks.capacity [--measure] [--events 1000000 4000000] [--wide-events 1000000 4000000]
                                  [--scale docs/benchmarks/scale.json] [--out docs/benchmarks] [--work FOLDER]

`--measure` measures every step at the given sizes with lines of 1.7 kB, and `extract` with lines of 6 kB, which lead to
the same clean events; it writes `capacity.json`. With `--scale`, the former are those that `benchmarks.scale` has
measured on the same machine. `capacity.md` is computed from `capacity.json` alone. A step costs a fixed number of
core-seconds and an amount for each line; both come from the smallest and the largest measured size.
"""

import argparse
import json
import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks import raw, scale
from benchmarks.scoring import ROOT, machine, report_progress
from leapline.evaluation.document import Heading, Table, Text, to_markdown

FOLDER: Final = ROOT / "docs/benchmarks"
MEMORY, OPTIONS = "4g", "-XX:+UseParallelGC"
VOLUMES: Final = {"140 GB": 140e9, "1.4 TB": 1.4e12, "14 TB": 14e12}
"""Unpacked bytes of enriched events per day."""
HOURS: Final = 2.0
"""Time that the steps may take together."""
BUSY: Final = 0.7
"""Share of a cluster's time that is spent on tasks; the rest is waiting for the last task of a stage, and for S3."""
KEPT_DAYS: Final = 30
"""Days for which the lake keeps clean events and examples."""


@dataclass(frozen=True)
class Prices:
    """AWS list prices in US dollars: on demand, Linux, region us-east-1, as published in 2025."""

    node: str = "m7i.xlarge"
    node_cores: int = 4
    node_memory_gib: int = 16
    node_hour: float = 0.2016
    s3_gb_month: float = 0.023
    s3_put_1000: float = 0.005
    s3_get_1000: float = 0.0004
    disk_gb_month: float = 0.08


@dataclass(frozen=True)
class Cost:
    """What a step costs: core-seconds = fixed + per_line * lines."""

    fixed: float
    per_line: float

    def core_seconds(self, lines: float) -> float:
        """Return the core-seconds for a number of lines."""
        return self.fixed + self.per_line * lines


def main() -> None:
    """Measure if requested, then write the page."""
    parser = argparse.ArgumentParser(prog="benchmarks.capacity", description=__doc__)
    parser.add_argument("--measure", action="store_true", help="measure the steps before; takes about 40 minutes")
    parser.add_argument(
        "--events", type=int, nargs="+", default=[1_000_000, 4_000_000], help="sizes to measure, in lines of 1.7 kB"
    )
    parser.add_argument(
        "--wide-events", type=int, nargs="+", default=[1_000_000, 4_000_000], help="sizes to measure, in lines of 6 kB"
    )
    parser.add_argument("--scale", type=Path, help="results of benchmarks.scale instead of measuring --events")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of capacity.json and capacity.md")
    parser.add_argument("--work", type=Path, help="folder for events and lakes; kept if given")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    file = args.out / "capacity.json"
    if args.measure:
        measured = measure(args.events, args.wide_events, args.scale, args.work)
        file.write_text(json.dumps(measured, indent=1) + "\n")
    text = markdown(json.loads(file.read_text()))
    (args.out / "capacity.md").write_text(text)
    print(text)


def measure(narrow: list[int], wide: list[int], earlier: Path | None, work: Path | None) -> dict[str, Any]:
    """Return the measurements of all steps, for narrow and wide lines.

    Args:
        narrow: sizes, in lines of 1.7 kB.
        wide: sizes, in lines of 6 kB.
        earlier: results of `benchmarks.scale` on this machine, instead of measuring narrow lines.
        work: folder for events and lakes, which is kept; otherwise a temporary one.

    Raises:
        SystemExit: if the earlier results are those of another machine, or of another driver.
    """
    results: dict[str, Any] = {"machine": machine(), "driver_memory": MEMORY, "driver_options": OPTIONS}
    with tempfile.TemporaryDirectory(prefix="leapline-capacity-") as scratch:
        folder = work or Path(scratch)
        results["narrow"] = (
            measured_before(earlier, results)
            if earlier
            else [scale.run(folder, size, MEMORY, OPTIONS) for size in narrow]
        )
        results["wide"] = [scale.extract_only(folder, size, MEMORY, OPTIONS, wide=True) for size in wide]
        home, _ = scale.generated(folder, min(wide), MEMORY, OPTIONS, wide=True)
        report_progress(f"gunzip and DuckDB on {min(wide):,} lines")
        results["wide_landed_core_seconds"] = raw.references(home / "landing")
    return results


def measured_before(file: Path, results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the sizes in results of `benchmarks.scale`."""
    scaled = json.loads(file.read_text())
    if _conditions(scaled) != _conditions(results):
        raise SystemExit(
            f"{file}: measured with {_conditions(scaled)}; the other lines would be with {_conditions(results)}"
        )
    return list(scaled["sizes"])


def _conditions(results: Mapping[str, Any]) -> tuple[Any, ...]:
    on = results["machine"]
    return on["processor"], on["cores"], results["driver_memory"], results["driver_options"]


def costs_of(results: dict[str, Any]) -> dict[str, Cost]:
    """Return the costs of the steps for lines of 6 kB: those after `extract` see the same clean events."""
    costs = {step: cost_of(step, results["narrow"]) for step in scale.STEPS}
    return costs | {"extract": cost_of("extract", results["wide"])}


def cost_of(step: str, sizes: list[dict[str, Any]]) -> Cost:
    """Return the cost of a step from its smallest and its largest measured size."""
    small, large = (min(sizes, key=_lines), max(sizes, key=_lines))
    seconds = [size["steps"][step]["core_seconds"] for size in (small, large)]
    per_line = max(0.0, (seconds[1] - seconds[0]) / (large["lines"] - small["lines"]))
    return Cost(max(0.0, seconds[1] - per_line * large["lines"]), per_line)


def _lines(size: Mapping[str, Any]) -> int:
    return int(size["lines"])


def markdown(results: dict[str, Any]) -> str:
    """Return the page."""
    prices, on = Prices(), results["machine"]
    return to_markdown(
        [
            Heading("Capacity and cost", 1),
            Text(
                f"`make bench-capacity` on {on['cores']} cores of {on['processor']}; the Spark driver has "
                f"{results['driver_memory']} of memory. Times are core-seconds of all processes of a step; the load of "
                f"the machine was {on['load_before']:.1f} before."
            ),
            *([Text(results["note"])] if "note" in results else []),
            Heading("Measured"),
            _measured(results),
            Text(
                "A step costs a fixed number of core-seconds (start of Python and Spark, planning, compilation) and an "
                "amount for each line; those of the smallest and the largest day decide. For comparison, DuckDB splits "
                "the lines of the smallest day and reads three values from JSON, and gunzip decompresses them. An "
                "example is a session, or the beginning of one; the forest has 60 trees of "
                "depth 10 and learns from this one day."
            ),
            _costs(results),
            Heading("Bytes"),
            _bytes(results),
            Heading("Extrapolated"),
            Text(
                f"Lines of 6 kB. All steps together take at most {HOURS:.0f} hours, a cluster spends {BUSY:.0%} of its "
                f"time on tasks, the forest learns from one day. Nodes are {prices.node} ({prices.node_cores} vCPU, "
                f"{prices.node_memory_gib} GiB, ${prices.node_hour} per hour); a vCPU counts as a measured core. "
                f"List prices of us-east-1, on demand, as published in 2025. S3 costs ${prices.s3_gb_month} per GB and "
                f"month, for {KEPT_DAYS} days of clean events and examples. Not included: the collector and the landed "
                "files, which exist without Leapline. Airflow on one such node around the clock is another "
                f"${24 * prices.node_hour:.2f} a day."
            ),
            _extrapolated(results, prices),
            Text(
                "These are extrapolations: the largest days that ran here are those of the first table. The shop of "
                "this project pays 6 to 12 euros a day for 23 million events of 140 GB."
            ),
            Heading("What breaks first"),
            Text(_bottlenecks(results)),
        ]
    )  # fmt: skip


def _measured(results: dict[str, Any]) -> Table:
    rows = []
    for size in (*results["narrow"], *results["wide"]):
        steps = [size["steps"].get(step) for step in scale.STEPS]
        peak = max(step["peak_memory_bytes"] for step in steps if step)
        rows.append(
            (f"{size['line_bytes'] / 1000:.1f} kB", size["lines"], size["clean_events"], size.get("examples", ""),
             *(f"{step['core_seconds']:.0f}" if step else "" for step in steps),
             f"{size['steps']['extract']['seconds']:.0f} s", f"{peak / 2**30:.1f} GB")
        )  # fmt: skip
    return Table(
        ("line", "lines", "clean events", "examples", *scale.STEPS, "wall time of extract", "peak memory"), rows
    )


def _costs(results: dict[str, Any]) -> Table:
    steps = {f"{step}, 1.7 kB" if step == "extract" else step: cost_of(step, results["narrow"]) for step in scale.STEPS}
    costs = {"extract, 6 kB": costs_of(results)["extract"], **steps}
    rows = [
        (
            name,
            f"{cost.fixed:.0f} s",
            *_for_each_line(cost.per_line),
        )
        for name, cost in costs.items()
    ]
    smallest = min(results["wide"], key=_lines)
    for name, title in (("duckdb", "DuckDB splits lines, 6 kB"), ("gunzip", "gunzip, 6 kB")):
        rows.append((title, "", *_for_each_line(results["wide_landed_core_seconds"][name] / smallest["lines"])))
    return Table(("step", "fixed", "for each line", "lines/s per core"), rows)


def _for_each_line(seconds: float) -> tuple[str, str]:
    """Return the time and its inverse; below a microsecond the difference of two sizes is mostly noise."""
    return (f"{seconds * 1e6:.0f} µs", f"{1 / seconds:,.0f}") if seconds >= 1e-6 else ("less than 1 µs", "")


def _bytes(results: dict[str, Any]) -> Table:
    narrow, wide = (max(results[name], key=_lines) for name in ("narrow", "wide"))
    rows = []
    for label, size in (("1.7 kB", narrow), ("6 kB", wide)):
        shuffled = size["steps"]["extract"]["shuffle_bytes"]
        values = (size["line_bytes"] * size["lines"], size["landing_bytes"], shuffled, size["clean_bytes"])
        rows.append((label, *(f"{value / size['lines']:,.0f} B" for value in values), _examples_bytes(narrow)))
    return Table(
        ("for each line of", "unpacked", "landed, gzip", "shuffled by extract", "clean events", "examples"), rows
    )


def _examples_bytes(size: dict[str, Any]) -> str:
    return f"{size['examples_bytes'] / size['lines']:,.0f} B"


@dataclass(frozen=True)
class Plan:
    """What a volume needs.

    Attributes:
        lines: per day.
        core_hours: of all steps.
        nodes: that finish within `HOURS`.
        hours: that these nodes take.
        compute: dollars per day for nodes and their disks.
        storage: dollars per day for the lake's objects and requests.
    """

    lines: float
    core_hours: float
    nodes: int
    hours: float
    compute: float
    storage: float


def plan(volume: float, results: dict[str, Any], prices: Prices) -> Plan:
    """Return what a volume of unpacked bytes per day needs."""
    narrow, wide = (max(results[name], key=_lines) for name in ("narrow", "wide"))
    lines = volume / wide["line_bytes"]
    core_hours = sum(cost.core_seconds(lines) for cost in costs_of(results).values()) / 3600
    nodes = max(1, math.ceil(core_hours / BUSY / prices.node_cores / HOURS))
    hours = core_hours / BUSY / prices.node_cores / nodes
    disk_gb = 2 * wide["steps"]["extract"]["shuffle_bytes"] / wide["lines"] * lines / 1e9
    disk = disk_gb * prices.disk_gb_month / 30 / 24 * hours
    kept_gb = (wide["clean_bytes"] / wide["lines"] + narrow["examples_bytes"] / narrow["lines"]) * lines / 1e9
    # About 128 MB per object; an object is written once and read by three steps.
    objects = (kept_gb + wide["landing_bytes"] / wide["lines"] * lines / 1e9) / 0.128
    requests = objects * (prices.s3_put_1000 + 3 * prices.s3_get_1000) / 1000
    storage = kept_gb * KEPT_DAYS * prices.s3_gb_month / 30 + requests
    return Plan(lines, core_hours, nodes, hours, nodes * hours * prices.node_hour + disk, storage)


def _extrapolated(results: dict[str, Any], prices: Prices) -> Table:
    rows = []
    for name, volume in VOLUMES.items():
        needed = plan(volume, results, prices)
        rows.append(
            (name, f"{needed.lines / 1e6:,.0f} M", f"{needed.core_hours:,.1f}", needed.nodes, f"{needed.hours:.1f}",
             f"${needed.compute:,.2f}", f"${needed.storage:,.2f}", f"${needed.compute + needed.storage:,.2f}")
        )  # fmt: skip
    head = ("a day", "lines", "core-hours", "nodes", "hours", "compute a day", "S3 a day", "together")
    return Table(head, rows)


def _bottlenecks(results: dict[str, Any]) -> str:
    narrow, wide = (max(results[name], key=_lines) for name in ("narrow", "wide"))
    per_line = narrow["examples"] / narrow["lines"]
    examples = {name: volume / wide["line_bytes"] * per_line for name, volume in VOLUMES.items()}
    shuffle = wide["steps"]["extract"]["shuffle_bytes"] / wide["lines"] * VOLUMES["1.4 TB"] / wide["line_bytes"]
    lines = VOLUMES["140 GB"] / wide["line_bytes"]
    costs = {step: cost.core_seconds(lines) for step, cost in costs_of(results).items()}
    longest = max(costs, key=lambda step: costs[step])
    return "\n".join(
        [
            f"* **140 GB**: {examples['140 GB'] / 1e6:.1f} million examples a day. One machine is enough. `{longest}` "
            f"takes most of the time, {costs[longest]:,.0f} of {sum(costs.values()):,.0f} core-seconds.",
            f"* **1.4 TB**: `extract` shuffles {shuffle / 1e9:,.0f} GB, which needs local disks. `evaluate` brings the "
            f"scored holdout ({examples['1.4 TB'] / 1e6:.0f} million examples) into the driver, and the bootstrap runs "
            "there on one machine: this is the first step that more workers do not speed up, and nodes are counted by "
            "time alone. Give the driver a large node: [training and evaluation](training.md) has the memory of "
            "3 million examples.",
            f"* **14 TB**: {examples['14 TB'] / 1e6:.0f} million examples do not fit into a driver. A forest gains "
            "nothing from so many; sampling visitors before training and evaluation is not built in yet.",
        ]
    )


if __name__ == "__main__":
    main()
