"""Probe the packaged image before the push: start it, and compare its results with Spark's.

No container engine is needed: the layers are unpacked, and the scorer is started from them with the environment of the
image's config (and `PORT`, as on Cloud Run). The host must be Linux. Running as the image's user in an empty root
requires root privileges and is not part of the probe; a test does both with `chroot`.

An image for another platform than this machine's is started by an emulator (`leapline.serving.execution`) and has to
give the same answers; its latency is not measured, because it would be the emulator's.

A model that fails the probe is refused with the reason in the report, without an exception.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from leapline.errors import ScorerError
from leapline.serving.client import ScorerClient, encode
from leapline.serving.execution import Execution, native
from leapline.serving.image import LABEL
from leapline.serving.layout import Unpacked
from leapline.serving.scorer_process import EMULATED_START_TIMEOUT_S, ScorerProcess, start_image, unpack_built
from leapline.serving.session_probe import Sample, compare

COLUMNS = ["probability"]
BATCH_ROWS = 250
TIMED_ROUNDS, ROUND_REQUESTS = 10, 200
WARM_UP_REQUESTS = 100


@dataclass(frozen=True)
class ProbeReport:
    """The result of a probe. Numbers that were not measured are None.

    Attributes:
        passed: whether all rows and sessions had finite results within the tolerance.
        reason: why the image is refused; empty if it passed.
        rows: number of compared rows.
        sessions: number of compared sessions, scored from their events.
        items: number of compared items of these sessions; each item has its own probability.
        max_difference: maximum absolute difference from Spark's probability of class 1, over rows, sessions and items.
        first_difference: the first row that exceeds the tolerance: `row` (index), `features`, `expected`, `got` (None
            if it is not a finite number), the scorer's `answer`, and the number of `rows_that_differ`.
        start_ms: milliseconds from the start of the process to the first ready answer.
        p50_us, p99_us: latency quantiles in microseconds of single-row requests on one connection, measured by this
            client, in its fastest round; not measured under emulation.
        rss_bytes: peak resident memory of the process (Linux only).
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
        """Return the report as plain data for a JSON file."""
        return asdict(self)


@dataclass(frozen=True)
class ProbeSample:
    """Requests to the image with Spark's results.

    Attributes:
        rows: feature rows of the holdout, input columns by name.
        expected: Spark's uncalibrated probability of class 1 for each row.
        tolerance: maximum absolute difference.
        sessions: sessions to score from their events; None for an archive without a feature spec.
    """

    rows: Sequence[Mapping[str, Any]]
    expected: Sequence[float]
    tolerance: float
    sessions: Sample | None = None

    @property
    def problem(self) -> str:
        """Why the sample cannot be used; empty if it can."""
        if self.sessions and self.sessions.fault:
            return self.sessions.fault
        if not self.rows or len(self.rows) != len(self.expected):
            return f"{len(self.rows)} rows to send and {len(self.expected)} probabilities to compare with"
        return ""


def probe(
    layout: Path,
    sample: ProbeSample,
    *,
    digest: str,
    workdir: Path,
    env: Mapping[str, str] | None = None,
    execution: Execution | None = None,
) -> ProbeReport:
    """Start an image's scorer and compare its results with Spark's.

    Args:
        layout: the image layout written by `image.build`.
        sample: rows and sessions with Spark's results.
        digest: digest of the built image; an image with another digest is not started.
        workdir: a private folder for the unpacked image and the process's log.
        env: variables of the process besides those of the image, such as the accepted public keys.
        execution: the platform, and how its programs are executed here; this machine's if None.

    Returns:
        The report, also for an image that is refused.

    Raises:
        ProbeError: the layout contains another image.
        BundleError: the layout is damaged or has no image for this platform.
    """
    execution = execution or native()
    if sample.problem:
        return ProbeReport(False, sample.problem)
    image = unpack_built(layout, digest, workdir / "root", execution.arch)
    log = workdir / "scorer.log"
    try:
        with start_image(image, log, env, execution) as process:
            return _compare_image(image, process, sample, execution)
    except (ScorerError, OSError) as exc:
        return ProbeReport(False, f"the image does not answer: {exc}{_tail(log)}")


def _compare_image(image: Unpacked, process: ScorerProcess, sample: ProbeSample, execution: Execution) -> ProbeReport:
    limits = {} if execution.is_native else {"timeout_s": EMULATED_START_TIMEOUT_S}
    with process.client(**limits) as client:
        model = process.await_ready(client, **limits)
        start_ms = (time.perf_counter() - process.started) * 1e3
        label = image.labels.get(LABEL + "version", "")
        if model != label:
            return ProbeReport(False, f"the scorer serves {model or 'no model'}, the image is labelled {label}")
        rows = model_inputs(client, sample.rows)
        try:
            answers = _answers(client, rows)
        except ScorerError as exc:
            if process.process.poll() is not None or not (rejected := _rejected_row(client, sample, rows)):
                raise
            reason = f"the image does not answer: {exc}; the first row that it rejects alone is row {rejected['row']}"
            return ProbeReport(False, reason, first_difference=rejected)
        worst, first = _compare_rows(sample, answers)
        reason = _describe(first, sample.tolerance) if first else ""
        if sample.sessions and not reason:
            session_difference, reason = compare(client, sample.sessions, sample.tolerance)
            worst = max(session_difference, worst or 0.0)
        p50, p99 = _latencies(client, rows) if execution.is_native else (None, None)
    sessions, items = _counts(sample.sessions)
    memory = _peak_memory(process.process.pid)
    return ProbeReport(not reason, reason, len(rows), sessions, items, worst, first, start_ms, p50, p99, memory)


def _counts(sample: Sample | None) -> tuple[int, int]:
    if sample is None:
        return 0, 0
    return len(sample.sessions), sum(len(sample.items[i]) for i in sample.with_items)


def probabilities(client: ScorerClient, rows: Sequence[Mapping[str, Any]]) -> list[float]:
    """Return the model's uncalibrated probability of class 1 for each row; NaN if the answer has none.

    Raises:
        ScorerError: the scorer rejected a row or does not answer.
    """
    return [_score(answer) for answer in _answers(client, model_inputs(client, rows))]


def model_inputs(client: ScorerClient, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with only the model's input columns.

    A pipeline may omit features, and the scorer rejects unknown columns.

    Raises:
        ScorerError: the scorer does not describe its model.
    """
    inputs = {column["name"] for column in client.model().get("inputs", ())}
    return [{name: value for name, value in row.items() if name in inputs} for row in rows]


def _answers(client: ScorerClient, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    starts = range(0, len(rows), BATCH_ROWS)
    return [answer for start in starts for answer in client.predict(rows[start : start + BATCH_ROWS], COLUMNS)]


def _rejected_row(
    client: ScorerClient, sample: ProbeSample, rows: Sequence[Mapping[str, Any]]
) -> dict[str, Any] | None:
    """Return the first row that the scorer rejects alone, such as one with a null; None if it answers all of them."""
    for number, row in enumerate(rows):
        try:
            client.predict([row], COLUMNS)
        except ScorerError as exc:
            expected = {"row": number, "features": dict(sample.rows[number]), "expected": sample.expected[number]}
            return expected | {"got": None, "answer": str(exc)[:500], "rows_that_differ": 1}
    return None


def _score(answer: Mapping[str, Any]) -> float:
    """Return the probability of class 1; NaN if the answer has none."""
    try:
        return float(answer["probability"][1])
    except (KeyError, IndexError, TypeError, ValueError):
        return math.nan


def _compare_rows(
    sample: ProbeSample, answers: Sequence[Mapping[str, Any]]
) -> tuple[float | None, dict[str, Any] | None]:
    """Return the maximum finite difference, and the first row that exceeds the tolerance; NaN exceeds it too."""
    scores = [_score(answer) for answer in answers]
    differences = [abs(a - b) for a, b in zip(sample.expected, scores, strict=True)]
    outside = [i for i, difference in enumerate(differences) if not difference <= sample.tolerance]
    first = None
    if outside:
        row = outside[0]
        first = {"row": row, "features": dict(sample.rows[row]), "expected": sample.expected[row]}
        first |= {"got": _finite(scores[row]), "answer": str(answers[row])[:500], "rows_that_differ": len(outside)}
    return max((d for d in differences if math.isfinite(d)), default=None), first


def _describe(first: Mapping[str, Any], tolerance: float) -> str:
    return (
        f"{first['rows_that_differ']} rows differ from Spark by more than {tolerance:g}; "
        f"the first is row {first['row']}: Spark {first['expected']!r}, image {first['got']!r}"
    )


def _latencies(client: ScorerClient, rows: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Return p50 and p99 in microseconds of single-row requests on a warm connection.

    The fastest of several rounds counts, so that other work on this machine does not cause a refusal.
    """
    bodies = [encode([row], COLUMNS) for row in rows[: TIMED_ROUNDS * ROUND_REQUESTS]]
    times = []
    for i in range(WARM_UP_REQUESTS + TIMED_ROUNDS * ROUND_REQUESTS):
        start = time.perf_counter_ns()
        client.exchange("POST", "/v1/predict", bodies[i % len(bodies)])
        times.append((time.perf_counter_ns() - start) / 1e3)
    return fastest_round(times[WARM_UP_REQUESTS:], ROUND_REQUESTS)


def fastest_round(times: Sequence[float], size: int) -> tuple[float, float]:
    """Return p50 and p99 of the round of `size` times with the lowest p99."""
    rounds = (sorted(times[n : n + size]) for n in range(0, len(times), size))
    return min(((times[size // 2], times[size * 99 // 100]) for times in rounds), key=lambda quantiles: quantiles[1])


def _peak_memory(pid: int) -> int | None:
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _tail(log: Path) -> str:
    text = log.read_text(errors="replace").strip()[-500:] if log.exists() else ""
    return f"; end of its log: {text}" if text else ""
