"""Measure how a day is read from a PostgreSQL table, compared with files of the same lines.

    python -m benchmarks.sources [--events 100000 1000000] [--memory 4g]

Needs a PostgreSQL server's programs (`scripts/setup.sh postgres`). Each size is one generated day. The export alone is
measured in this process, then the step extract from files and from the table, each in its own process. The clean
events of both are compared byte for byte.
"""

import argparse
import gzip
import hashlib
import json
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq

from benchmarks.scale import DAY, leapline, sessions
from benchmarks.scoring import machine, report_progress
from leapline.events.clean import CleanOptions
from leapline.settings import Settings
from leapline.sources.factory import source_from
from leapline.sources.postgresql.export import Export
from leapline.sources.postgresql.table import EventTable
from leapline.storage import Lake
from tests.fakes.postgres import LocalPostgres, create_table, is_loadable, load

SESSIONS = (1, 2, 4)


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(prog="benchmarks.sources", description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=[100_000], help="approximate number of lines per day")
    parser.add_argument("--memory", default="4g", help="heap of the Spark driver")
    args = parser.parse_args()
    results: dict[str, Any] = {"machine": machine(), "sizes": []}
    for events in args.events:
        with tempfile.TemporaryDirectory(prefix="leapline-sources-") as folder:
            Path(folder).chmod(0o755)  # the server's user enters it
            server = LocalPostgres(Path(folder) / "server")
            server.start()
            try:
                results["sizes"].append(run(Path(folder), server, events, args.memory))
                report_progress(json.dumps(results["sizes"][-1]))  # the next size may take long
            finally:
                server.stop()
    print(json.dumps(results, indent=1))


def run(work: Path, server: LocalPostgres, events: int, memory: str) -> dict[str, Any]:
    """Measure one size."""
    common = os.environ | server.environment | {
        "LEAPLINE_PSEUDONYM_KEY": secrets.token_hex(32), "LEAPLINE_TRAINING_DAYS": "0",
        "LEAPLINE_SPARK_DRIVER_MEMORY": memory, "LEAPLINE_INCOMPLETE_DAY": "warn",
    }  # fmt: skip
    files = common | {"LEAPLINE_HOME": str(work / "files")}
    table = common | {"LEAPLINE_HOME": str(work / "table"), "LEAPLINE_SOURCE": "postgresql://"}
    report_progress(f"generating {events:,} events")
    leapline(files, "generate", "--start", str(DAY), "--days", "1", "--sessions-per-day", str(sessions(events)),
             "--set", "broken=0")  # fmt: skip
    report_progress("loading them")
    result: dict[str, Any] = {"loaded": fill(server, work / "files" / "landing")}
    result["exports"] = [measure_export(server, table, number) for number in SESSIONS]
    for name, env in (("files", files), ("table", table)):
        report_progress(f"extract from {name}")
        result[name] = measure_extract(env, server)
    result["same_clean_events"] = result["files"]["digest"] == result["table"]["digest"]
    return result


def fill(server: LocalPostgres, landing: Path) -> dict[str, Any]:
    """Load the lines of a landing folder into a table with an index."""
    started = time.monotonic()
    with server.connect() as connection:
        create_table(connection)
        load(connection, loadable(landing))
        connection.execute("CREATE INDEX ON atomic.events (collector_tstamp)")
        connection.execute("VACUUM ANALYZE atomic.events")
        row = connection.execute(
            "SELECT count(*), pg_total_relation_size('atomic.events') FROM atomic.events"
        ).fetchone()
    rows, size = row or (0, 0)
    return {"rows": rows, "bytes": size, "seconds": round(time.monotonic() - started, 1)}


def loadable(landing: Path) -> Iterator[str]:
    """Yield the lines that the table's types can hold; anything else would make the clean events differ."""
    for path in sorted(landing.glob("run=*/*")):
        with gzip.open(path, "rt", newline="\n") as lines:
            for line in lines:
                text = line.removesuffix("\n")
                if not is_loadable(text):
                    raise SystemExit(f"{path}: a line that does not fit the table")
                yield text


def measure_export(server: LocalPostgres, env: dict[str, str], number: int) -> dict[str, Any]:
    """Export the day on some connections; return lines, lines/s, and CPU seconds of both sides per 100,000 lines."""
    report_progress(f"export on {number} connections")
    os.environ.update(server.environment)
    settings = Settings(source="postgresql://", pseudonym_key=env["LEAPLINE_PSEUDONYM_KEY"], incomplete_day="warn")
    options = CleanOptions.of(settings)
    slices = source_from(settings, options.reads).list_day(options.window(DAY)).slices
    with tempfile.TemporaryDirectory(prefix="leapline-export-") as folder:
        export = Export("postgresql://", EventTable("table", "atomic.events"), options.reads.columns, Path(folder))
        ours, theirs, started = time.process_time(), server_cpu(server), time.monotonic()
        results = export.run(slices, number)
        seconds, ours = time.monotonic() - started, time.process_time() - ours
        size = sum(file.stat().st_size for file in Path(folder).iterdir())
    lines = sum(result.rows for result in results)
    per_100k = lines / 100_000
    return {
        "connections": number, "slices": len(slices), "lines": lines, "bytes": size, "seconds": round(seconds, 2),
        "lines_per_s": round(lines / seconds), "client_cpu_s_per_100k": round(ours / per_100k, 2),
        "server_cpu_s_per_100k": round((server_cpu(server) - theirs) / per_100k, 2),
    }  # fmt: skip


def server_cpu(server: LocalPostgres) -> float:
    """Return the CPU seconds of a server and of its sessions that have ended."""
    pid = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def measure_extract(env: dict[str, str], server: LocalPostgres) -> dict[str, Any]:
    """Run the step; return its wall time with the start of Spark, CPU seconds of both sides, and a digest of events."""
    before, theirs, started = os.times(), server_cpu(server), time.monotonic()
    leapline(env, "extract", "--date", str(DAY))
    seconds, after = time.monotonic() - started, os.times()
    folder = Lake(Path(env["LEAPLINE_HOME"])).current("events", DAY)
    counts = json.loads((folder / "counts.json").read_text())
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {
        "seconds": round(seconds, 1), "cpu_s": round(cpu, 1), "server_cpu_s": round(server_cpu(server) - theirs, 1),
        "lines": counts["lines"], "events": counts["events"], "digest": digest(folder / "events"),
    }  # fmt: skip


def digest(folder: Path) -> str:
    """Return a digest of the content of a table's Parquet files, in the order of their parts.

    The bytes of the files differ between two drivers: the footer lists encodings in an order that depends on the JVM.
    """
    total = hashlib.sha256()
    for path in sorted(folder.glob("part-*"), key=lambda path: path.name[:10]):
        total.update(str(pq.read_table(path).to_pydict()).encode())
    return total.hexdigest()


if __name__ == "__main__":
    main()
