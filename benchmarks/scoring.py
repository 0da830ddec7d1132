"""Measure scoring: the model only, over HTTP, and compared with its peers.

    python -m benchmarks.scoring [--out FOLDER] [--seconds 10] [--golden FOLDER]

writes `scoring.json`, `scoring.md` and `scoring.png` into FOLDER. Peers run one after another, never in parallel.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

from benchmarks import forest, large, mixed, report
from benchmarks.peers import PEERS
from leapline.signing.keys import SigningKey
from leapline.signing.model_signature import sign_archive

ROOT = Path(__file__).resolve().parents[1]
SCORER = ROOT / ".local" / "bin" / "scorer"
STARTS = 3


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="benchmarks.scoring", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / ".leapline" / "bench", help="folder for the results")
    parser.add_argument("--seconds", type=float, default=10, help="how long each peer scores row by row")
    parser.add_argument("--golden", type=Path, help="a folder with bundle.pb.zip and input.json, to be measured too")
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
    """Measure everything.

    Args:
        work: a folder for the models.
        seconds: how long each peer scores row by row.
        golden: a folder with another bundle and its leap frame, or None.

    Returns:
        The content of scoring.json.
    """
    report_progress("fitting the models and writing them in every format")
    subprocess.run(
        [sys.executable, "-m", "benchmarks.models", str(work)], check=True, cwd=ROOT, stderr=subprocess.DEVNULL
    )
    results: dict[str, Any] = {"machine": machine(), "forest": {"trees": forest.TREES, "depth": forest.DEPTH}}
    report_progress("model only")
    models = {"forest": (work / "bundle.zip", work / "frame.json"), "mixed": mixed.paths(work)}
    if golden:
        models["golden"] = (golden / "bundle.pb.zip", golden / "input.json")
    results["model_only"] = {name: scorer("bench", *paths) for name, paths in models.items()}
    results["whole_pipeline"] = json.loads((work / mixed.CONVERSIONS).read_text())
    report_progress("over HTTP, compared with a bare handler")
    results["http"] = load_test(work, *models["forest"], seconds)
    results["peers"] = {"leapline": leapline(work, results)}
    for name in PEERS:
        report_progress(f"peer: {name}")
        results["peers"][name] = peer(name, work, seconds)
    return results


def report_progress(text: str) -> None:
    """Print what is being measured on standard error."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def scorer(*args: str | Path) -> dict[str, Any]:
    """Run a command of the scorer and return the JSON that it prints."""
    out = subprocess.run([SCORER, *map(str, args)], check=True, capture_output=True)
    result: dict[str, Any] = json.loads(out.stdout)
    return result


def load_test(work: Path, bundle: Path, frame: Path, seconds: float) -> dict[str, Any]:
    """Measure the HTTP server: one connection, a constant rate, saturation, and start and memory with two bundles, of
    which the larger one is started with verification of its signature too."""
    program = work / "loadtest"
    go = {**os.environ, "GOFLAGS": "-buildvcs=false", "PATH": f"{ROOT / '.venv/bin'}:{os.environ['PATH']}"}
    subprocess.run(["go", "build", "-o", program, "./cmd/loadtest"], check=True, cwd=ROOT / "include/scorer", env=go)

    def measure(*args: str | Path, **variables: str) -> dict[str, Any]:
        argv = [program, "-seconds", str(max(1, int(seconds / 2))), "-scorer", SCORER, *args, frame]
        done = subprocess.run(argv, check=True, capture_output=True, env=os.environ | variables)
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    results = measure(bundle)
    del results["bundle"]
    trees = large.make(bundle, work / "large.zip")
    size = (work / "large.zip").stat().st_size
    key = SigningKey.generate()
    (work / "large.sig").write_bytes(sign_archive(sha256((work / "large.zip").read_bytes()).hexdigest(), key))
    signed = measure("-only-start", work / "large.zip", SCORER_PUBLIC_KEYS=key.public.pem)
    return results | {
        "start_large": {"trees": trees, "bundle_bytes": size, **measure("-only-start", work / "large.zip")},
        "start_signed": {"trees": trees, "bundle_bytes": size, **signed},
    }


def leapline(work: Path, results: dict[str, Any]) -> dict[str, Any]:
    """Return the scorer's results with the keys of the peers; start and memory are those of the server."""
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
    """Return the greatest difference from Spark's probability of class 1 over the rows of the frame."""
    import pandas as pd

    with (work / "frame.json").open("rb") as frame:
        scored = json.loads(
            subprocess.run(
                [SCORER, "transform", work / "bundle.zip"], stdin=frame, check=True, capture_output=True
            ).stdout
        )
    column = [field["name"] for field in scored["schema"]["fields"]].index("probability")
    expected = pd.read_parquet(work / "rows.parquet")["expected"]
    return max(
        abs(row[column]["values"][1] - probability) for row, probability in zip(scored["rows"], expected, strict=False)
    )


def peer(name: str, work: Path, seconds: float) -> dict[str, Any]:
    """Return the measurements of a peer; `start_s` is the shortest time from process start to first result."""
    starts = []
    for n in range(STARTS):
        began = time.perf_counter()
        argv = [sys.executable, "-m", "benchmarks.peers", name, str(work), str(seconds if n == STARTS - 1 else 0.1)]
        with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            assert process.stdout is not None  # noqa: S101 (stdout is a pipe)
            if process.stdout.readline() != "first\n":
                raise SystemExit(f"bench: {name} returned no result; run `{' '.join(argv[1:])}` to see why")
            starts.append(time.perf_counter() - began)
            result: dict[str, Any] = json.loads(process.stdout.read())
    return result | {"start_s": min(starts)}


def machine() -> dict[str, Any]:
    """Return the processor, its number of cores, and the load before the benchmark."""
    model = next(
        (line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")), platform.machine()
    )
    return {"processor": model, "cores": os.cpu_count(), "load_before": round(os.getloadavg()[0], 2)}


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


if __name__ == "__main__":
    main()
