"""The probe: before an image is pushed, its own content is started and must give Spark's numbers.

Without a container engine this is as near as it gets: the layers are unpacked, the config's own command is started on
them with the config's own environment (and `PORT`, as Cloud Run would set it). The host must be Linux. Not covered: the
user change and the empty root, which need root rights; a test does both with `chroot`.

A model that fails is a refusal, told in the report; it is not an exception.
"""

import math
import platform
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from leapline.errors import ScorerError
from leapline.serving.client import ScorerClient, encode
from leapline.serving.image import LABEL
from leapline.serving.layout import Unpacked, unpack
from leapline.serving.session_probe import Sample, compare

COLUMNS = ["probability"]
BATCH_ROWS = 250
TIMED_ROUNDS, ROUND_REQUESTS = 10, 200
WARM_UP_REQUESTS = 100
START_TIMEOUT_S = 10.0
ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True)
class ProbeReport:
    """What the probe saw. Numbers that were not reached are None.

    Attributes:
        passed: every row and every session came back, finite and within the tolerance.
        reason: why not, for a person; empty if passed.
        rows: rows compared.
        sessions: sessions compared, from their events on.
        items: items of these sessions compared, by their own probability.
        max_difference: greatest absolute difference from Spark's probability of class 1, of rows, sessions and items.
        first_difference: the first row beyond the tolerance: `row` (index), `features`, `expected`, `got` (None if it
            is no finite number), the scorer's `answer`, and how many `rows_that_differ`.
        start_ms: from process start to the first ready answer.
        p50_us, p99_us: of single-row requests on one connection, measured by this client, in its quietest round.
        rss_bytes: the process's greatest resident memory (Linux only).
    """

    passed: bool
    reason: str = ""
    rows: int = 0
    sessions: int = 0
    items: int = 0
    max_difference: float | None = None
    first_difference: dict[str, Any] | None = None
    start_ms: float | None = None
    p50_us: float | None = None
    p99_us: float | None = None
    rss_bytes: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON may hold it."""
        return asdict(self)


def probe(
    layout: Path,
    rows: Sequence[Mapping[str, Any]],
    expected: Sequence[float],
    *,
    tolerance: float,
    workdir: Path,
    sample: Sample | None = None,
) -> ProbeReport:
    """Start an image's scorer and compare it with Spark.

    Args:
        layout: the image, as `image.build` or `Registry.pull` left it.
        rows: feature rows of the holdout, input columns by name.
        expected: Spark's probability of class 1 for each, uncalibrated.
        tolerance: greatest absolute difference.
        workdir: folder for the unpacked image and the process's standard error.
        sample: sessions to send as their events; None for an archive that has no features of its own.

    Raises:
        BundleError: the layout is damaged or has no image for this machine.
    """
    if sample and sample.fault:
        return ProbeReport(False, sample.fault)
    if not rows or len(rows) != len(expected):
        return ProbeReport(False, f"{len(rows)} rows to send and {len(expected)} probabilities to compare with")
    image = unpack(layout, host_architecture(), workdir / "root")
    log = workdir / "scorer.log"
    try:
        with _running(image, log) as running:
            return _judge(running, rows, expected, tolerance, sample)
    except (ScorerError, OSError) as exc:
        return ProbeReport(False, f"the image does not answer: {exc}{_tail(log)}")


def host_architecture() -> str:
    """This machine, as an image index names it."""
    return ARCHITECTURES.get(platform.machine(), platform.machine())


@contextmanager
def running(layout: Path, workdir: Path) -> Iterator[ScorerClient]:
    """An image's scorer, started as its config says and ready; ended with the block.

    Args:
        layout: the image, as `image.build` or `Registry.pull` left it.
        workdir: folder for the unpacked image and the process's standard error.

    Raises:
        BundleError: the layout is damaged or has no image for this machine.
        ScorerError: it does not start.
    """
    image = unpack(layout, host_architecture(), workdir / "root")
    with _running(image, workdir / "scorer.log") as started, ScorerClient(f"http://127.0.0.1:{started.port}") as client:
        _await_ready(client, started.process)
        yield client


@dataclass(frozen=True)
class _Running:
    image: Unpacked
    process: "subprocess.Popen[bytes]"
    port: int
    started: float


@contextmanager
def _running(image: Unpacked, log: Path) -> Iterator[_Running]:
    """The image's process; ended whatever happens."""
    port = _free_port()
    argv = [_on_host(image.root, part) for part in image.argv]
    with log.open("wb") as err:
        started = time.perf_counter()
        process = subprocess.Popen(
            argv, cwd=image.root, env=image.env | {"PORT": str(port)}, stdin=subprocess.DEVNULL, stdout=err, stderr=err
        )
    try:
        yield _Running(image, process, port, started)
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _judge(
    running: _Running,
    rows: Sequence[Mapping[str, Any]],
    expected: Sequence[float],
    tolerance: float,
    sample: Sample | None,
) -> ProbeReport:
    with ScorerClient(f"http://127.0.0.1:{running.port}") as client:
        model = _await_ready(client, running.process)
        start_ms = (time.perf_counter() - running.started) * 1e3
        wanted = running.image.labels.get(LABEL + "version", "")
        if model != wanted:
            return ProbeReport(False, f"the scorer serves {model or 'no model'}, the image is labelled {wanted}")
        read = read_columns(client, rows)
        worst, first = _compare(rows, expected, _answers(client, read), tolerance)
        reason = _difference(first, tolerance) if first else ""
        sessions = len(sample.sessions) if sample else 0
        items = sum(len(sample.items[i]) for i in sample.with_items) if sample else 0
        if sample and not reason:
            apart, reason = compare(client, sample, tolerance)
            worst = max(apart, worst or 0.0)
        p50, p99 = _latencies(client, read)
    memory = _peak_memory(running.process.pid)
    return ProbeReport(not reason, reason, len(rows), sessions, items, worst, first, start_ms, p50, p99, memory)


def _await_ready(client: ScorerClient, process: "subprocess.Popen[bytes]") -> str:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            return str(client.ready().get("model", ""))
        except ScorerError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.001)


def probabilities(client: ScorerClient, rows: Sequence[Mapping[str, Any]]) -> list[float]:
    """The model's own probability of class 1 for each row; NaN where an answer holds none.

    Raises:
        ScorerError: the scorer refused a row or does not answer.
    """
    return [_score(answer) for answer in _answers(client, read_columns(client, rows))]


def read_columns(client: ScorerClient, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows with the columns that the model reads alone: a pipeline may leave features out, and the scorer refuses
    what it does not know.

    Raises:
        ScorerError: it does not say what it reads.
    """
    inputs = {column["name"] for column in client.model().get("inputs", ())}
    return [{name: value for name, value in row.items() if name in inputs} for row in rows]


def _answers(client: ScorerClient, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    starts = range(0, len(rows), BATCH_ROWS)
    return [answer for start in starts for answer in client.predict(rows[start : start + BATCH_ROWS], COLUMNS)]


def _score(answer: Mapping[str, Any]) -> float:
    """Probability of class 1; NaN where the answer holds none."""
    try:
        return float(answer["probability"][1])
    except (KeyError, IndexError, TypeError, ValueError):
        return math.nan


def _compare(
    rows: Sequence[Mapping[str, Any]], expected: Sequence[float], answers: Sequence[Mapping[str, Any]], tolerance: float
) -> tuple[float | None, dict[str, Any] | None]:
    """The greatest finite difference, and the first row that is not within the tolerance (NaN never is)."""
    got = [_score(answer) for answer in answers]
    differences = [abs(a - b) for a, b in zip(expected, got, strict=True)]
    bad = [i for i, difference in enumerate(differences) if not difference <= tolerance]
    first = None
    if bad:
        row = bad[0]
        first = {"row": row, "features": dict(rows[row]), "expected": expected[row], "got": _finite(got[row])}
        first |= {"answer": str(answers[row])[:500], "rows_that_differ": len(bad)}
    return max((d for d in differences if math.isfinite(d)), default=None), first


def _difference(first: Mapping[str, Any], tolerance: float) -> str:
    return (
        f"{first['rows_that_differ']} rows differ from Spark by more than {tolerance:g}; "
        f"the first is row {first['row']}: Spark {first['expected']!r}, image {first['got']!r}"
    )


def _latencies(client: ScorerClient, rows: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """p50 and p99 in microseconds of one-row requests, the connection and the process warm: of the quietest of some
    rounds, as a machine that also does other work is no fault of the model's."""
    bodies = [encode([row], COLUMNS) for row in rows[: TIMED_ROUNDS * ROUND_REQUESTS]]
    times = []
    for i in range(WARM_UP_REQUESTS + TIMED_ROUNDS * ROUND_REQUESTS):
        start = time.perf_counter_ns()
        client.exchange("POST", "/v1/predict", bodies[i % len(bodies)])
        times.append((time.perf_counter_ns() - start) / 1e3)
    return quietest_round(times[WARM_UP_REQUESTS:], ROUND_REQUESTS)


def quietest_round(times: Sequence[float], size: int) -> tuple[float, float]:
    """p50 and p99 of that run of `size` times whose p99 is least."""
    rounds = (sorted(times[n : n + size]) for n in range(0, len(times), size))
    return min(
        ((ascending[size // 2], ascending[size * 99 // 100]) for ascending in rounds), key=lambda found: found[1]
    )


def _on_host(root: Path, argument: str) -> str:
    """A path inside the image as a path on this machine; anything else as it is."""
    inside = root / argument.lstrip("/")
    return str(inside.absolute()) if argument.startswith("/") and inside.exists() else argument


def _free_port() -> int:
    with socket.socket() as probe_socket:
        probe_socket.bind(("127.0.0.1", 0))
        return int(probe_socket.getsockname()[1])


def _peak_memory(pid: int) -> int | None:
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _tail(log: Path) -> str:
    text = log.read_text(errors="replace").strip()[-500:] if log.exists() else ""
    return f"; it said: {text} (all of it: {log})" if text else ""
