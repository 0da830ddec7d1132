"""The probe passes a correct image, refuses every other with its reason, and leaves no process behind."""

import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from leapline import confinement
from leapline.errors import BundleError, ProbeError
from leapline.serving import layout, probe, scorer_process
from leapline.serving.image import build
from leapline.serving.platforms import host_architecture
from leapline.serving.probe import ProbeReport, ProbeSample
from tests.fakes import scorer as fake
from tests.serving.test_scorer_process import processes_in

ARCH = host_architecture()
ROWS = [{"x": float(i)} for i in range(1000)]
EXPECTED = [i / 1000 for i in range(1000)]
Probe = Callable[..., ProbeReport]


def start_probe(folder: Path, sample: ProbeSample) -> ProbeReport:
    """Probe the image in `folder`, as it is."""
    digest = layout.index_digest(folder / "image")
    return probe.probe(folder / "image", sample, digest=digest, workdir=folder)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Probe:
    monkeypatch.setattr(probe, "ROUND_REQUESTS", 20)
    monkeypatch.setattr(probe, "WARM_UP_REQUESTS", 2)
    # Another user cannot read the Python that runs the fake scorer.
    monkeypatch.setattr(confinement, "changes_user", lambda: False)

    def run_probe(mode: str, rows: list[dict[str, float]] = ROWS, expected: list[float] = EXPECTED) -> ProbeReport:
        (tmp_path / "model.zip").write_text("a model")
        binary = fake.write(tmp_path / "binary", mode)
        created = datetime(2026, 3, 2, tzinfo=UTC)
        build(
            tmp_path / "model.zip",
            {ARCH: binary},
            tmp_path / "image",
            model_id=fake.MODEL_ID,
            labels={},
            created=created,
        )
        return start_probe(tmp_path, ProbeSample(rows, expected, 1e-9))

    return run_probe


@pytest.fixture(autouse=True)
def _nothing_left(tmp_path: Path) -> "object":
    yield
    assert processes_in(tmp_path) == [], "the probe left a process"


def test_image_with_equal_scores_passes(run: Probe) -> None:
    report = run("good")
    assert report.passed, report.reason
    assert report.rows == 1000
    assert report.max_difference == 0
    assert report.first_difference is None
    assert report.p50_us and report.p99_us and report.p50_us <= report.p99_us
    assert report.rss_bytes and report.rss_bytes > 1 << 20
    json.dumps(report.to_dict(), allow_nan=False)


def test_latencies_are_of_the_fastest_round() -> None:
    quiet, interrupted, slow = [1.0] * 98 + [2.0, 90.0], [0.5] * 98 + [800.0, 900.0], [3.0] * 100
    assert probe.fastest_round([*interrupted, *quiet, *slow], 100) == (3.0, 3.0)
    assert probe.fastest_round([*interrupted, *[1.0] * 99, 2.0, *slow], 100) == (1.0, 2.0)


def test_unused_columns_are_not_sent(run: Probe) -> None:
    assert run("good", rows=[row | {"unused": 1.0} for row in ROWS]).passed


def test_start_time_is_measured(run: Probe) -> None:
    started = run("slow_to_start").start_ms
    assert started is not None
    assert started >= 300


def test_tolerance_separates_pass_and_refusal(run: Probe) -> None:
    assert run("good", expected=[p + 0.9e-9 for p in EXPECTED]).passed
    assert not run("good", expected=[p + 1.1e-9 for p in EXPECTED]).passed


def test_first_row_that_differs_is_reported(run: Probe) -> None:
    report = run("skew")
    assert not report.passed
    assert report.max_difference == pytest.approx(1e-3)
    assert report.first_difference is not None
    assert report.first_difference["row"] == 700
    assert report.first_difference["features"] == {"x": 700.0}
    assert (report.first_difference["expected"], report.first_difference["got"]) == (0.7, 0.701)
    assert "1 rows differ" in report.reason
    assert "row 700: Spark 0.7, image 0.701" in report.reason


@pytest.mark.parametrize("mode", ["nan", "no_probability"])
def test_missing_number_is_a_difference(run: Probe, mode: str) -> None:
    report = run(mode)
    assert not report.passed
    assert report.first_difference is not None
    assert report.first_difference["got"] is None
    json.dumps(report.to_dict(), allow_nan=False)


def test_nan_from_spark_is_refused(run: Probe) -> None:
    assert not run("good", expected=[float("nan"), *EXPECTED[1:]]).passed


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("missing", "249 rows; expected 250"),
        ("crash", "does not answer"),
        ("dead", "the bundle is cut in half"),
        ("stranger", f"serves another, the image is labelled {fake.MODEL_ID}"),
    ],
)
def test_broken_scorer_is_refused_with_its_reason(run: Probe, mode: str, reason: str) -> None:
    report = run(mode)
    assert not report.passed
    assert reason in report.reason


def test_row_that_the_image_rejects_is_reported(run: Probe) -> None:
    """Spark scores rows with nulls; an image that raises for one would fail for such a visitor."""
    rows = [*ROWS[:700], {"x": None}, *ROWS[701:]]
    report = run("strict", rows=rows)
    assert not report.passed
    assert "x is null" in report.reason
    assert "the first row that it rejects alone is row 700" in report.reason
    assert report.first_difference is not None
    assert (report.first_difference["row"], report.first_difference["features"]) == (700, {"x": None})
    assert run("strict").passed


def test_scorer_without_readiness_is_refused(run: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scorer_process, "START_TIMEOUT_S", 1.0)
    assert "503" in run("silent").reason


def test_missing_rows_are_refused(run: Probe) -> None:
    assert not run("good", rows=[], expected=[]).passed
    assert not run("good", rows=ROWS, expected=EXPECTED[1:]).passed


def test_unknown_binary_format_is_refused(run: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake, "SOURCE", "\x7fELF {python} {mode} {model}")
    assert "Exec format error" in run("good").reason


def test_image_without_this_architecture_is_rejected(tmp_path: Path, run: Probe) -> None:
    run("good")
    index = json.loads((tmp_path / "image" / "index.json").read_text())
    index["manifests"][0]["platform"]["architecture"] = "s390x"
    (tmp_path / "image" / "index.json").write_text(json.dumps(index))
    with pytest.raises(BundleError, match=f"s390x.*linux/{ARCH}"):
        start_probe(tmp_path, ProbeSample(ROWS, EXPECTED, 1e-9))


def test_damaged_image_is_rejected_before_the_start(tmp_path: Path, run: Probe) -> None:
    run("good")
    manifest = json.loads(layout.read_blob(tmp_path / "image", layout.manifest_digest(tmp_path / "image", ARCH)))
    blob = tmp_path / "image" / "blobs/sha256" / manifest["layers"][1]["digest"][7:]
    blob.write_bytes(blob.read_bytes()[:-4])
    shutil.rmtree(tmp_path / "root")
    with pytest.raises(BundleError, match=blob.name):
        start_probe(tmp_path, ProbeSample(ROWS, EXPECTED, 1e-9))


def test_scorer_process_receives_no_secrets(run: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake scorer ends if its environment has anything except for PORT."""
    for name in ("LEAPLINE_PSEUDONYM_KEY", "AWS_SECRET_ACCESS_KEY", "AIRFLOW__CORE__FERNET_KEY", "HOME", "PATH"):
        monkeypatch.setenv(name, os.environ.get(name, "secret"))
    report = run("good")
    assert report.passed, report.reason


def test_image_with_another_digest_is_not_started(tmp_path: Path, run: Probe) -> None:
    run("good")
    shutil.rmtree(tmp_path / "root")
    with pytest.raises(ProbeError, match="expected image sha256:0"):
        sample = ProbeSample(ROWS, EXPECTED, 1e-9)
        probe.probe(tmp_path / "image", sample, digest="sha256:" + "0" * 64, workdir=tmp_path)
    assert not (tmp_path / "root").exists()
