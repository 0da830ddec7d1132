"""Measure memory and disk of each executor on a cluster, at two sizes of the day.

    python -m benchmarks.executors [--events 1000000 4000000] [--out docs/benchmarks] [--work FOLDER]

A standalone cluster of two workers runs on this machine; each executor has one core and 1 GB of memory, as the workers
of a small cluster have. The day is unpacked several times as large as an executor. Memory is the resident memory of an
executor with its Python processes, disk the size of its local folder, both sampled twice per second.
"""

import argparse
import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import psutil

from benchmarks import scale
from benchmarks.scoring import ROOT, machine, report_progress
from leapline.evaluation.document import Heading, Table, Text, to_markdown
from tests.fakes.spark_cluster import PATH, Cluster, local_cluster

STEPS: Final = ("extract", "featurize")
"""The steps that read whole days; the others read the examples, which are much smaller."""
WORKERS: Final = 2


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="benchmarks.executors", description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000, 4_000_000], help="sizes, in lines")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/benchmarks", help="folder for the results")
    parser.add_argument("--work", type=Path, help="folder for events and lakes; kept if given")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="leapline-executors-") as scratch:
        results = measure(args.work or Path(scratch), args.events)
    (args.out / "executors.json").write_text(json.dumps(results, indent=1) + "\n")
    text = markdown(results)
    (args.out / "executors.md").write_text(text)
    print(text)


def measure(work: Path, sizes: list[int]) -> dict[str, Any]:
    """Return the measurements of all sizes."""
    work.mkdir(parents=True, exist_ok=True)
    local = work / "executors"
    local.mkdir(exist_ok=True)
    os.environ |= {"SPARK_LOCAL_DIRS": str(local), "PATH": PATH}
    results: dict[str, Any] = {"machine": machine(), "workers": WORKERS, "executor_memory": "1g", "sizes": []}
    with local_cluster(work, WORKERS) as cluster:
        results["sizes"] = [measure_size(work, local, cluster, size) for size in sizes]
    return results


def measure_size(work: Path, local: Path, cluster: Cluster, events: int) -> dict[str, Any]:
    """Run the steps on one generated day."""
    home, env = scale.generated(work, events, "2g", "", wide=False)
    env |= {"LEAPLINE_SPARK_MASTER": cluster.url, "SPARK_LOCAL_DIRS": str(work / "driver")}
    steps = {}
    for step in STEPS:
        report_progress(f"{step} of {events:,} events")
        with ExecutorUsage(cluster, local) as usage:
            scale.leapline(env, step, "--date", str(scale.DAY))
        steps[step] = {"executors": usage.executors, "memory_bytes": usage.memory, "disk_bytes": usage.disk}
    return {**scale.size_of(home), "steps": steps}


class ExecutorUsage(scale.Sampler):
    """Samples the executors of a cluster of this machine.

    Attributes:
        executors: their number.
        memory: the largest resident memory of one executor with its child processes.
        disk: the largest size of one executor's local folder.
    """

    def __init__(self, cluster: Cluster, local: Path) -> None:
        super().__init__(0.5)
        self.executors = self.memory = self.disk = 0
        self._workers, self._local = [psutil.Process(pid) for pid in cluster.workers.values()], local

    def _sample(self) -> None:
        # A worker starts other programs too, for an instant.
        running = [child for worker in self._workers for child in worker.children() if _is_executor(child)]
        self.executors = max(self.executors, len(running))
        self.memory = max([self.memory, *map(_memory, running)])
        self.disk = max([self.disk, *map(_size, self._local.glob("spark-*/executor-*"))])


def _is_executor(process: psutil.Process) -> bool:
    with suppress(psutil.Error):  # it has ended in the meantime
        return any("CoarseGrainedExecutorBackend" in argument for argument in process.cmdline())
    return False


def _memory(process: psutil.Process) -> int:
    total = 0
    with suppress(psutil.Error):  # it has ended in the meantime
        for one in (process, *process.children(recursive=True)):
            total += one.memory_info().rss
    return total


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # Spark removes files at any time
            total += path.stat().st_size if path.is_file() else 0
    return total


def markdown(results: dict[str, Any]) -> str:
    """Return the page."""
    on = results["machine"]
    rows = [
        (size["lines"], f"{size['line_bytes'] * size['lines'] / 1e9:.1f} GB", step, used["executors"],
         f"{used['memory_bytes'] / 1e6:,.0f} MB", f"{used['disk_bytes'] / 1e6:,.0f} MB")
        for size in results["sizes"] for step, used in size["steps"].items()
    ]  # fmt: skip
    head = ("lines", "unpacked", "step", "executors", "largest memory of one", "largest disk of one")
    return to_markdown(
        [
            Heading("Memory and disk of executors", 1),
            Text(
                f"`make bench-executors` on {on['cores']} cores of {on['processor']}: a standalone cluster of "
                f"{results['workers']} workers, whose executors have one core and a heap of "
                f"{results['executor_memory']}. Memory is resident memory with the executor's Python processes; disk "
                "is its folder of shuffled data."
            ),
            *([Text(results["note"])] if "note" in results else []),
            Table(head, rows),
            Text(
                "No executor holds a whole day: memory stays below the heap plus Spark's overhead while the day "
                "grows, and the disk holds an executor's part of the shuffled data."
            ),
        ]
    )


if __name__ == "__main__":
    main()
