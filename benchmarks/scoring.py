"""Scoring measured: the model alone, over HTTP, and beside the peers, all in one run.

    python -m benchmarks.scoring [--out FOLDER] [--seconds 10] [--golden FOLDER]

leaves `scoring.json`, `scoring.md` and `scoring.png` in FOLDER. Peers run one after another, each alone.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import forest, large, mixed, report
from benchmarks.peers import PEERS

ROOT = Path(__file__).resolve().parents[1]
SCORER = ROOT / ".local" / "bin" / "scorer"
STARTS = 3


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="benchmarks.scoring", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / ".leapline" / "bench", help="where the results go")
    parser.add_argument("--seconds", type=float, default=10, help="how long a peer scores row by row")
    parser.add_argument("--golden", type=Path, help="a folder of a bundle.pb.zip and its input.json, measured as well")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="leapline-bench-") as work:
        results = run(Path(work), args.seconds, args.golden)
    (args.out / "scoring.json").write_text(json.dumps(results, indent=1) + "\n")
    (args.out / "scoring.md").write_text(report.markdown(results))
    report.plot(results, args.out / "scoring.png")
    print(report.markdown(results))
    print(f"Written to {args.out}: scoring.json, scoring.md, scoring.png")


def run(work: Path, seconds: float, golden: Path | None) -> dict[str, Any]:
    """All the figures; `work` holds the models meanwhile."""
    say("fitting the forest and writing it in every form")
    subprocess.run(
        [sys.executable, "-m", "benchmarks.models", str(work)], check=True, cwd=ROOT, stderr=subprocess.DEVNULL
    )
    results: dict[str, Any] = {"machine": machine(), "forest": {"trees": forest.TREES, "depth": forest.DEPTH}}
    say("the model alone")
    models = {"forest": (work / "bundle.zip", work / "frame.json"), "mixed": mixed.paths(work)}
    if golden:
        models["golden"] = (golden / "bundle.pb.zip", golden / "input.json")
    results["model_only"] = {name: scorer("bench", *paths) for name, paths in models.items()}
    results["whole_pipeline"] = json.loads((work / mixed.CONVERSIONS).read_text())
    say("over HTTP, against the bare handler")
    results["http"] = load_test(work, *models["forest"], seconds)
    results["peers"] = {"leapline": leapline(work, results)}
    for name in PEERS:
        say(f"beside it: {name}")
        results["peers"][name] = peer(name, work, seconds)
    return results


def say(what: str) -> None:
    """What is going on, to who waits."""
    print(f"bench: {what}", file=sys.stderr, flush=True)


def scorer(*args: str | Path) -> dict[str, Any]:
    """A command of the scorer that prints JSON."""
    out = subprocess.run([SCORER, *map(str, args)], check=True, capture_output=True)
    found: dict[str, Any] = json.loads(out.stdout)
    return found


def load_test(work: Path, bundle: Path, frame: Path, seconds: float) -> dict[str, Any]:
    """The HTTP server on one connection, at a constant rate, at saturation; its start and memory, with a large bundle
    too."""
    program = work / "loadtest"
    go = {**os.environ, "GOFLAGS": "-buildvcs=false", "PATH": f"{ROOT / '.venv/bin'}:{os.environ['PATH']}"}
    subprocess.run(["go", "build", "-o", program, "./cmd/loadtest"], check=True, cwd=ROOT / "include/scorer", env=go)

    def measure(*args: str | Path) -> dict[str, Any]:
        argv = [program, "-seconds", str(max(1, int(seconds / 2))), "-scorer", SCORER, *args, frame]
        found: dict[str, Any] = json.loads(subprocess.run(argv, check=True, capture_output=True).stdout)
        return found

    found = measure(bundle)
    del found["bundle"]
    trees = large.make(bundle, work / "large.zip")
    size = (work / "large.zip").stat().st_size
    return found | {"start_large": {"trees": trees, "bundle_bytes": size, **measure("-only-start", work / "large.zip")}}


def leapline(work: Path, results: dict[str, Any]) -> dict[str, Any]:
    """The scorer in the peers' terms: in process, by its own `bench`; start and memory as a server."""
    model, http = results["model_only"]["forest"], results["http"]
    return {
        "one_row_p50_us": model["p50_ns"] / 1e3,
        "one_row_p99_us": model["p99_ns"] / 1e3,
        "batch_rows_per_s": model["batch_rows_per_s"],
        "greatest_difference": difference(work),
        "memory_bytes": http["start"]["memory_bytes_after_requests"]["resident"],
        "artefact_bytes": (work / "bundle.zip").stat().st_size,
        "start_s": http["start"]["ready_ms_median"] / 1e3,
        "http_p50_us": http["one_connection"]["scorer"]["p50_us"],
    }


def difference(work: Path) -> float:
    """The greatest difference from Spark's probability of class 1, over the frame's rows."""
    import pandas as pd

    with (work / "frame.json").open("rb") as frame:
        scored = json.loads(
            subprocess.run(
                [SCORER, "transform", work / "bundle.zip"], stdin=frame, check=True, capture_output=True
            ).stdout
        )
    column = [field["name"] for field in scored["schema"]["fields"]].index("probability")
    expected = pd.read_parquet(work / "rows.parquet")["expected"]
    return max(abs(row[column]["values"][1] - wanted) for row, wanted in zip(scored["rows"], expected, strict=False))


def peer(name: str, work: Path, seconds: float) -> dict[str, Any]:
    """A peer's figures, and how long it takes from process start to its first answer (the least of a few)."""
    starts = []
    for n in range(STARTS):
        began = time.perf_counter()
        argv = [sys.executable, "-m", "benchmarks.peers", name, str(work), str(seconds if n == STARTS - 1 else 0.1)]
        with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            assert process.stdout is not None  # noqa: S101 (a pipe was asked for)
            if process.stdout.readline() != "first\n":
                raise SystemExit(f"bench: {name} gave no answer; run `{' '.join(argv[1:])}` to see why")
            starts.append(time.perf_counter() - began)
            found: dict[str, Any] = json.loads(process.stdout.read())
    return found | {"start_s": min(starts)}


def machine() -> dict[str, Any]:
    """What it was measured on."""
    model = next(
        (line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")), platform.machine()
    )
    return {"processor": model, "cores": os.cpu_count(), "load_before": round(os.getloadavg()[0], 2)}


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


if __name__ == "__main__":
    main()
