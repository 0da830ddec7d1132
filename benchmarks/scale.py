"""Measure the steps from events to features at growing sizes, and DuckDB on the same task for comparison.

    python -m benchmarks.scale [--out FOLDER] [--events 1000000 4000000] [--memory 8g] [--work FOLDER] [--wide]

Each size is one generated day. The steps run as in a nightly run, each in its own process; the forest is trained on the
day itself. Peak memory and processor time include all child processes; shuffle bytes come from Spark's event log.
"""

import argparse
import gzip
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any, Self

import psutil

from benchmarks import duck, raw
from benchmarks.scoring import ROOT, machine, report_progress
from leapline.evaluation.document import Heading, Table, Text, to_markdown
from leapline.snowplow.enriched import FIELDS
from leapline.storage import Lake

DAY = date(2026, 3, 4)
STEPS = ("extract", "check-events", "featurize", "train", "evaluate")
"""The steps whose cost grows with the day; the later ones work on the model and on samples of fixed size."""
# In the default shop of the generator.
LINES_PER_SESSION = 13.4


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="benchmarks.scale", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / ".leapline" / "bench", help="folder for the results")
    parser.add_argument(
        "--events", type=int, nargs="+", default=[1_000_000, 4_000_000], help="approximate number of lines per day"
    )
    parser.add_argument("--memory", default="4g", help="heap of the Spark driver")
    parser.add_argument("--options", default="-XX:+UseParallelGC", help="JVM options of the Spark driver")
    parser.add_argument("--work", type=Path, help="folder for events and lake; kept if given")
    parser.add_argument("--wide", action="store_true", help="lines of 6 kB with the contexts of large sites")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {"machine": machine(), "driver_memory": args.memory, "sizes": []}
    results["driver_options"] = args.options
    with tempfile.TemporaryDirectory(prefix="leapline-scale-") as scratch:
        for events in args.events:
            results["sizes"].append(run(args.work or Path(scratch), events, args.memory, args.options, args.wide))
            # After each size, because the next one may take long or be interrupted.
            name = "scale_wide" if args.wide else "scale"
            (args.out / f"{name}.json").write_text(json.dumps(results, indent=1) + "\n")
            (args.out / f"{name}.md").write_text(markdown(results))
    print(markdown(results))


def run(work: Path, events: int, memory: str, options: str, wide: bool = False) -> dict[str, Any]:
    """Measure one size: every step, and DuckDB on the same clean events."""
    home, env = generated(work, events, memory, options, wide)
    steps = {}
    for step in STEPS:
        report_progress(f"{step} of {events:,} events")
        steps[step] = measure_step(env, work / "logs", step)
    lake = Lake(home)
    clean, featurized = lake.current("events", DAY), lake.current("examples", DAY)
    report_progress("DuckDB on the same files")
    reference = duck.examples(clean / "events", featurized)
    report_progress("gunzip and DuckDB on the landed files")
    landed = raw.references(home / "landing")
    size = size_of(home)
    return {
        **size,
        "examples_bytes": sum(file.size for file in lake.files(featurized)),
        "examples": reference["examples"],
        "lines_per_s": size["lines"] / (steps["extract"]["seconds"] + steps["featurize"]["seconds"]),
        "steps": steps,
        "landed_core_seconds": landed,
        "duckdb": reference,
        "features_to_duckdb": steps["featurize"]["seconds"] / reference["seconds"],
    }


def extract_only(work: Path, events: int, memory: str, options: str, wide: bool) -> dict[str, Any]:
    """Measure one size: extract alone."""
    home, env = generated(work, events, memory, options, wide)
    report_progress(f"extract of {events:,} events")
    step = measure_step(env, work / "logs", "extract")
    return {**size_of(home), "steps": {"extract": step}}


def generated(work: Path, events: int, memory: str, options: str, wide: bool) -> tuple[Path, dict[str, str]]:
    """Generate a day, unless it is there from an earlier run; return the lake and the environment of its steps."""
    home = work / f"lake-{events}{'-wide' if wide else ''}"
    env = os.environ | {
        "LEAPLINE_HOME": str(home),
        "LEAPLINE_PSEUDONYM_KEY": secrets.token_hex(32),
        "LEAPLINE_TRAINING_DAYS": "0",
        "LEAPLINE_SPARK_DRIVER_MEMORY": memory,
        "LEAPLINE_SPARK_DRIVER_OPTIONS": options,
    }
    if not (home / "landing").exists():
        report_progress(f"generating {events:,} events")
        size = ("--sessions-per-day", str(sessions(events)), "--set", f"wide_contexts={str(wide).lower()}")
        leapline(env, "generate", "--start", str(DAY), "--days", "1", *size)
    return home, env


def size_of(home: Path) -> dict[str, Any]:
    """Return the number of lines and clean events, and the bytes of a day in a lake."""
    clean, landed = Lake(home).current("events", DAY), list((home / "landing").glob("run=*/*.gz"))
    counts = json.loads((clean / "counts.json").read_text())
    with ThreadPoolExecutor() as pool:
        unpacked = sum(pool.map(unpacked_size, landed))
    return {
        "lines": counts["lines"],
        "clean_events": counts["events"],
        "line_bytes": unpacked / counts["lines"],
        "landing_bytes": sum(f.stat().st_size for f in landed),
        "clean_bytes": sum(f.stat().st_size for f in (clean / "events").iterdir()),
    }


def unpacked_size(file: Path) -> int:
    """Return the length of a gzip file's content."""
    size = 0
    with gzip.open(file) as content:
        while block := content.read(1 << 22):
            size += len(block)
    return size


def sessions(events: int) -> int:
    """Return the number of sessions with about so many lines."""
    return int(events / LINES_PER_SESSION)


def leapline(env: dict[str, str], *args: str) -> None:
    """Run a command of `leapline`; its output is shown only if it fails."""
    done = subprocess.run(
        [Path(sys.executable).parent / "leapline", *args], env=env, cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"leapline {' '.join(args)}: {done.stderr.strip()[-800:]}")


def measure_step(env: dict[str, str], logs: Path, step: str) -> dict[str, Any]:
    """Run a step; return its wall and processor time with the start of Spark, its peak memory and its shuffle bytes."""
    logs.mkdir(parents=True, exist_ok=True)
    before = set(logs.iterdir())
    conf = {"enabled": "true", "compress": "false", "dir": f"file://{logs.absolute()}"}
    submit = " ".join(f"--conf spark.eventLog.{key}={value}" for key, value in conf.items()) + " pyspark-shell"
    began = time.monotonic()
    with Usage(os.getpid()) as usage:
        leapline(env | {"PYSPARK_SUBMIT_ARGS": submit}, step, "--date", str(DAY))
    seconds = time.monotonic() - began
    shuffled = sum(shuffle_bytes(log) for log in set(logs.iterdir()) - before)
    return {
        "seconds": round(seconds, 1),
        "core_seconds": round(usage.core_seconds, 1),
        "peak_memory_bytes": usage.peak_bytes,
        "shuffle_bytes": shuffled,
    }


class Sampler:
    """Calls `_sample` again and again in a thread, from `with` to its end.

    Args:
        seconds: between two samples.
    """

    def __init__(self, seconds: float) -> None:
        self._pause, self._stopped = seconds, threading.Event()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(self._pause):
            self._sample()

    def _sample(self) -> None:
        raise NotImplementedError


class Usage(Sampler):
    """Samples the memory and the processor time of all descendants of a process four times per second.

    The operating system adds up the time of children that were waited for only, and nobody waits for Spark's JVM.

    Attributes:
        peak_bytes: the largest sum of their resident memory.
        core_seconds: processor time of all of them since `with`, without the last quarter of a second of each.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(0.25)
        self.peak_bytes = 0
        self._process = psutil.Process(pid)
        self._seconds: dict[tuple[int, float], float] = {}
        self._before: dict[tuple[int, float], float] = {}

    @property
    def core_seconds(self) -> float:
        """Processor time so far."""
        return sum(seconds - self._before.get(process, 0) for process, seconds in self._seconds.items())

    def __enter__(self) -> Self:
        self._sample()
        self._before = self._seconds.copy()
        self.peak_bytes = 0
        return super().__enter__()

    def _sample(self) -> None:
        total = 0
        for child in self._process.children(recursive=True):
            try:
                total += child.memory_info().rss
                used = child.cpu_times()
                self._seconds[child.pid, child.create_time()] = used.user + used.system
            except psutil.Error:
                continue  # it has ended in the meantime
        self.peak_bytes = max(self.peak_bytes, total)


def shuffle_bytes(log: Path) -> int:
    """Return the number of shuffle bytes that the tasks in an event log of Spark have written."""
    total = 0
    for part in [log] if log.is_file() else sorted(log.glob("events_*")):
        for line in part.read_text().splitlines():
            if line.startswith('{"Event":"SparkListenerTaskEnd"'):
                metrics = json.loads(line).get("Task Metrics") or {}
                total += metrics.get("Shuffle Write Metrics", {}).get("Shuffle Bytes Written", 0)
    return total


def markdown(results: dict[str, Any]) -> str:
    """Return the results as Markdown, with one row per size."""
    machine = results["machine"]
    head = ("lines", "clean events", "landing", "extract", "features", "lines/s", "peak memory", "shuffled", "DuckDB",
            "features / DuckDB")  # fmt: skip
    costs = ("lines", "bytes per line", "extract", "DuckDB splits lines", "gunzip")
    return to_markdown(
        [
            Heading("Events to features", 1),
            Text(
                f"`make bench-scale` on {machine['cores']} cores of {machine['processor']}; the Spark driver has "
                f"{results['driver_memory']} of memory and the options `{results['driver_options']}`."
            ),
            Text(
                "DuckDB computes the same examples from the same clean events: complete sessions, one prefix of each, "
                "and session-item pairs. Its values of complete sessions and of pairs are compared with those of "
                "featurize row by row; a difference fails the benchmark. Its prefixes are others."
            ),
            Table(head, [_row(size) for size in results["sizes"]]),
            Text(
                "Processor microseconds per landed line, all cores added up. `extract` is the whole step with the "
                f"start of Spark. DuckDB only splits the {len(FIELDS)} columns and reads {len(raw.PATHS)} values from "
                "JSON, and gunzip only decompresses."
            ),
            Table(costs, [_costs(size) for size in results["sizes"]]),
            *([Text(results["note"])] if "note" in results else []),
        ]
    )


def _costs(size: dict[str, Any]) -> tuple[Any, ...]:
    seconds = [
        size["steps"]["extract"]["core_seconds"],
        *(size["landed_core_seconds"][of] for of in ("duckdb", "gunzip")),
    ]
    return (size["lines"], round(size["line_bytes"]), *(f"{1e6 * of / size['lines']:.1f}" for of in seconds))


def _row(size: dict[str, Any]) -> tuple[Any, ...]:
    extract, features = size["steps"]["extract"], size["steps"]["featurize"]
    peak = max(extract["peak_memory_bytes"], features["peak_memory_bytes"])
    shuffled = extract["shuffle_bytes"] + features["shuffle_bytes"]
    return (
        size["lines"], size["clean_events"], f"{size['landing_bytes'] / 2**20:,.0f} MB", f"{extract['seconds']:.0f} s",
        f"{features['seconds']:.0f} s", f"{size['lines_per_s']:,.0f}", f"{peak / 2**30:.1f} GB",
        f"{shuffled / 2**20:,.0f} MB", f"{size['duckdb']['seconds']:.1f} s", f"{size['features_to_duckdb']:.1f}",
    )  # fmt: skip


if __name__ == "__main__":
    main()
