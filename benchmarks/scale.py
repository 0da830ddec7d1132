"""Events to features at growing sizes, on this machine, with DuckDB's time for the same examples beside.

    python -m benchmarks.scale [--out FOLDER] [--events 1000000 4000000] [--memory 8g] [--work FOLDER]

Each size is one generated day. Extract and featurize run as a night runs them, each in a process of its own; peak
memory is that of the process and all its children, shuffle bytes come from Spark's event log.
"""

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from datetime import date
from pathlib import Path
from typing import Any

import psutil

from benchmarks import duck
from benchmarks.scoring import ROOT, machine, say
from leapline.evaluation.document import Heading, Table, Text, to_markdown
from leapline.storage import Lake

DAY = date(2026, 3, 4)
# Of the generator's default shop.
LINES_A_SESSION = 13.4


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="benchmarks.scale", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / ".leapline" / "bench", help="where the results go")
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000, 4_000_000], help="lines a day, about")
    parser.add_argument("--memory", default="6g", help="heap of the Spark driver")
    parser.add_argument("--options", default="-XX:+UseParallelGC", help="JVM options of the Spark driver")
    parser.add_argument("--work", type=Path, help="folder for events and lake; kept if given")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {"machine": machine(), "driver_memory": args.memory, "sizes": []}
    results["driver_options"] = args.options
    with tempfile.TemporaryDirectory(prefix="leapline-scale-") as scratch:
        for events in args.events:
            results["sizes"].append(run(args.work or Path(scratch), events, args.memory, args.options))
            # After each size, as the next may take long or be stopped.
            (args.out / "scale.json").write_text(json.dumps(results, indent=1) + "\n")
            (args.out / "scale.md").write_text(markdown(results))
    print(markdown(results))


def run(work: Path, events: int, memory: str, options: str) -> dict[str, Any]:
    """One size, from landing to features, and DuckDB's time for the same features."""
    home = work / f"lake-{events}"
    env = os.environ | {
        "LEAPLINE_HOME": str(home),
        "LEAPLINE_PSEUDONYM_KEY": secrets.token_hex(32),
        "LEAPLINE_TRAINING_DAYS": "0",
        "LEAPLINE_SPARK_DRIVER_MEMORY": memory,
        "LEAPLINE_SPARK_DRIVER_OPTIONS": options,
    }
    if not (home / "landing").exists():
        say(f"generating {events:,} events")
        leapline(env, "generate", "--start", str(DAY), "--days", "1", "--sessions-per-day", str(sessions(events)))
    steps = {}
    for step in ("extract", "featurize"):
        say(f"{step} of {events:,} events")
        steps[step] = watched(env, work / "logs", step)
    lake = Lake(home)
    clean, made = lake.current("events", DAY), lake.current("examples", DAY)
    counts = json.loads((clean / "counts.json").read_text())
    say("DuckDB on the same files")
    limit = duck.examples(clean / "events", made)
    lines = counts["lines"]
    return {
        "lines": lines,
        "clean_events": counts["events"],
        "landing_bytes": sum(f.stat().st_size for f in (home / "landing").rglob("*") if f.is_file()),
        "lines_per_s": lines / sum(s["seconds"] for s in steps.values()),
        "steps": steps,
        "duckdb": limit,
        "features_to_duckdb": steps["featurize"]["seconds"] / limit["seconds"],
    }


def sessions(events: int) -> int:
    """How many sessions make so many lines, about."""
    return int(events / LINES_A_SESSION)


def leapline(env: dict[str, str], *args: str) -> None:
    """A command of `leapline`, quiet unless it fails."""
    done = subprocess.run(
        [Path(sys.executable).parent / "leapline", *args], env=env, cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"leapline {' '.join(args)}: {done.stderr.strip()[-800:]}")


def watched(env: dict[str, str], logs: Path, step: str) -> dict[str, Any]:
    """A step's wall time (Spark's start-up included), peak memory and shuffle bytes."""
    logs.mkdir(parents=True, exist_ok=True)
    before = set(logs.iterdir())
    conf = {"enabled": "true", "compress": "false", "dir": f"file://{logs.absolute()}"}
    submit = " ".join(f"--conf spark.eventLog.{key}={value}" for key, value in conf.items()) + " pyspark-shell"
    peak = Peak(os.getpid())
    began = time.monotonic()
    with peak:
        leapline(env | {"PYSPARK_SUBMIT_ARGS": submit}, step, "--date", str(DAY))
    seconds = time.monotonic() - began
    shuffled = sum(shuffle_bytes(log) for log in set(logs.iterdir()) - before)
    return {"seconds": round(seconds, 1), "peak_memory_bytes": peak.bytes, "shuffle_bytes": shuffled}


class Peak:
    """The greatest resident memory of a process's children while the block runs, looked at four times a second."""

    def __init__(self, pid: int) -> None:
        self.bytes = 0
        self._own, self._over = psutil.Process(pid), threading.Event()

    def __enter__(self) -> "Peak":
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.25):
            total = 0
            for child in self._own.children(recursive=True):
                try:
                    total += child.memory_info().rss
                except psutil.Error:
                    continue  # it has ended meanwhile
            self.bytes = max(self.bytes, total)


def shuffle_bytes(log: Path) -> int:
    """Bytes that Spark's tasks wrote for shuffles."""
    total = 0
    for part in [log] if log.is_file() else sorted(log.glob("events_*")):
        for line in part.read_text().splitlines():
            if line.startswith('{"Event":"SparkListenerTaskEnd"'):
                metrics = json.loads(line).get("Task Metrics") or {}
                total += metrics.get("Shuffle Write Metrics", {}).get("Shuffle Bytes Written", 0)
    return total


def markdown(results: dict[str, Any]) -> str:
    """A table, one line a size."""
    machine = results["machine"]
    head = ("lines", "clean events", "landing", "extract", "features", "lines/s", "peak memory", "shuffled", "DuckDB",
            "features : DuckDB")  # fmt: skip
    return to_markdown(
        [
            Heading("Events to features", 1),
            Text(
                f"`make bench-scale` on {machine['cores']} cores of {machine['processor']}; Spark's driver with "
                f"{results['driver_memory']} and `{results['driver_options']}`."
            ),
            Text(
                "DuckDB makes the same examples of the same clean events: whole sessions, a beginning of each, and "
                "pairs. Its numbers are compared with featurize's, row by row; a difference would end the benchmark."
            ),
            Table(head, [_line(size) for size in results["sizes"]]),
        ]
    )


def _line(size: dict[str, Any]) -> tuple[Any, ...]:
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
