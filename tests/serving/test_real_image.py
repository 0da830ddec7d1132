"""An image with the real scorer and a forest is built, probed, pushed, pulled, probed again, and run as its user."""

import hashlib
import json
import os
import shutil
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from leapline.errors import ScorerError
from leapline.serving import probe
from leapline.serving.client import ScorerClient, encode
from leapline.serving.docker_image import convert
from leapline.serving.image import build
from leapline.serving.layout import index_digest, unpack
from leapline.serving.platform_probe import PlatformReport, probe_platforms
from leapline.serving.probe import ProbeSample
from leapline.serving.registry import Registry
from leapline.signing.keys import SigningKey
from tests.ports import free_address
from tests.serving.emulators import FOREIGN, SCORERS, needs_emulator
from tests.serving.test_probe import ARCH


@pytest.fixture
def image(shared: Path, tmp_path: Path) -> Path:
    if not all(path.exists() for path in SCORERS.values()):
        pytest.skip("SCORER ABSENT: run `make setup`; the real image was not tested")
    archive = shared / "bundle-ml/golden/rf_plain/bundle.pb.zip"
    model_id = hashlib.sha256(archive.read_bytes()).hexdigest()[
        :12
    ]  # The archive has no manifest and therefore no data day.
    created = datetime(2026, 3, 2, tzinfo=UTC)
    info = build(archive, SCORERS, tmp_path / "image", model_id=model_id, labels={}, created=created)
    assert max(info.size_bytes.values()) < 12_000_000
    return tmp_path / "image"


@pytest.fixture
def golden(shared: Path) -> tuple[list[dict[str, Any]], list[float]]:
    folder = shared / "bundle-ml/golden/rf_plain"
    frame = json.loads((folder / "input.json").read_text())
    names = [field["name"] for field in frame["schema"]["fields"]]
    answers = json.loads((folder / "spark_expected.json").read_text())
    return [dict(zip(names, row, strict=True)) for row in frame["rows"]], [a["probability"][1] for a in answers]


def test_pulled_image_passes_the_same_probe(
    image: Path, golden: tuple[list[dict[str, Any]], list[float]], registry: Registry, tmp_path: Path
) -> None:
    rows, expected = golden
    sample, digest = ProbeSample(rows, expected, 1e-9), index_digest(image)
    first = probe.probe(image, sample, digest=digest, workdir=tmp_path / "before")
    assert first.passed, first.reason
    registry.push(image, "m1")
    registry.verify(image, "m1", tmp_path)
    again = probe.probe(tmp_path / "pulled", sample, digest=digest, workdir=tmp_path / "after")
    assert again.passed, again.reason
    assert again.max_difference == first.max_difference


def test_truncated_model_is_refused_with_the_error_of_the_scorer(
    image: Path, golden: tuple[list[dict[str, Any]], list[float]], tmp_path: Path, shared: Path
) -> None:
    content = (shared / "bundle-ml/golden/rf_plain/bundle.pb.zip").read_bytes()
    (tmp_path / "truncated.zip").write_bytes(content[: len(content) // 2])
    created = datetime(2026, 3, 2, tzinfo=UTC)
    build(tmp_path / "truncated.zip", SCORERS, image, model_id="truncated", labels={}, created=created)
    report = probe.probe(image, ProbeSample(*golden, 1e-9), digest=index_digest(image), workdir=tmp_path)
    assert not report.passed
    assert "model.zip" in report.reason


def probe_all(
    image: Path, sample: ProbeSample, work: Path, env: dict[str, str] | None = None
) -> dict[str, PlatformReport]:
    return probe_platforms(image, sample, digest=index_digest(image), workdir=work, env=env or {})


@needs_emulator
def test_every_platform_gives_the_same_answers(
    image: Path, golden: tuple[list[dict[str, Any]], list[float]], tmp_path: Path
) -> None:
    reports = probe_all(image, ProbeSample(*golden, 1e-9), tmp_path)
    assert sorted(reports) == ["amd64", "arm64"]
    host, other = reports[ARCH].report, reports[FOREIGN].report
    assert host and other
    assert (host.passed, other.passed, other.reason) == (True, True, "")
    assert (other.rows, other.max_difference) == (host.rows, host.max_difference)
    assert host.p99_us
    assert other.p99_us is None, "the latency of an emulator is not that of the platform"
    assert reports[ARCH].state == "tested natively"
    assert reports[FOREIGN].state.startswith("tested by emulation (qemu-")


@needs_emulator
def test_skew_and_missing_signature_are_noticed_on_every_platform(
    image: Path, golden: tuple[list[dict[str, Any]], list[float]], tmp_path: Path
) -> None:
    rows, expected = golden
    skewed = probe_all(image, ProbeSample(rows, [expected[0] + 1e-6, *expected[1:]], 1e-9), tmp_path / "skewed")
    keys = {"SCORER_PUBLIC_KEYS": SigningKey.generate().public.pem}
    unsigned = probe_all(image, ProbeSample(rows, expected, 1e-9), tmp_path / "unsigned", keys)
    for arch in ("amd64", "arm64"):
        assert "1 rows differ from Spark" in skewed[arch].to_dict()["reason"]
        assert "signature" in unsigned[arch].to_dict()["reason"]


@needs_emulator
def test_platform_with_the_scorer_of_another_is_untested(
    image: Path, golden: tuple[list[dict[str, Any]], list[float]], tmp_path: Path, shared: Path
) -> None:
    archive, created = shared / "bundle-ml/golden/rf_plain/bundle.pb.zip", datetime(2026, 3, 2, tzinfo=UTC)
    mixed = SCORERS | {FOREIGN: SCORERS[ARCH]}
    build(archive, mixed, tmp_path / "mixed", model_id="mixed", labels={}, created=created)
    report = probe_all(tmp_path / "mixed", ProbeSample(*golden, 1e-9), tmp_path)[FOREIGN]
    assert (report.state, report.report) == ("untested", None)
    assert "fails: exit status" in report.to_dict()["reason"]


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("chroot"), reason="needs root and chroot")
@pytest.mark.parametrize("extra", [[], ["serve"]], ids=["default command", "SageMaker command"])
def test_image_runs_as_its_user_in_an_otherwise_empty_root(image: Path, tmp_path: Path, extra: list[str]) -> None:
    unpacked = unpack(image, ARCH, tmp_path / "root")
    address = free_address()
    command = [str(shutil.which("chroot")), f"--userspec={unpacked.user}", str(unpacked.root), *unpacked.argv, *extra]
    process = subprocess.Popen(command, env=unpacked.env | {"PORT": address.split(":")[1]}, stderr=subprocess.PIPE)
    try:
        with ScorerClient(f"http://{address}") as client:
            assert _ready(client, process)
        ids = next(x for x in Path(f"/proc/{process.pid}/status").read_text().splitlines() if x.startswith("Uid:"))
        assert set(ids.split()[1:]) == {"65532"}
    finally:
        process.terminate()
        process.communicate(timeout=15)
    assert process.returncode == 0, "SIGTERM must end the process cleanly"


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("chroot"), reason="needs root and chroot")
def test_image_in_dockers_format_serves_as_sagemaker_starts_it(
    image: Path, golden: tuple[list[dict[str, Any]], list[float]], tmp_path: Path
) -> None:
    """As root, with the argument `serve`; /ping within 2 s, rows to /invocations."""
    convert(image, ARCH, tmp_path / "docker")
    unpacked = unpack(tmp_path / "docker", ARCH, tmp_path / "root")
    assert (unpacked.user, unpacked.env) == ("", {"PORT": "8080"})
    address = free_address()
    command = [str(shutil.which("chroot")), str(unpacked.root), *unpacked.argv, "serve"]
    process = subprocess.Popen(command, env={"PORT": address.split(":")[1]}, stderr=subprocess.PIPE)
    try:
        with ScorerClient(f"http://{address}") as client:
            _ready(client, process)
            started = time.monotonic()
            client.exchange("GET", "/ping")
            assert time.monotonic() - started < 2
            rows, expected = golden
            answer = json.loads(client.exchange("POST", "/invocations", encode(rows[:3], ["probability"])))
    finally:
        process.terminate()
        process.communicate(timeout=15)
    assert [row["probability"][1] for row in answer["rows"]] == pytest.approx(expected[:3], abs=1e-9)
    assert process.returncode == 0, "SIGTERM is a clean end"


def _ready(client: ScorerClient, process: "subprocess.Popen[bytes]") -> str:
    for _ in range(1000):
        try:
            return str(client.ready()["model"])
        except ScorerError:
            assert process.poll() is None
            time.sleep(0.01)
    return ""
