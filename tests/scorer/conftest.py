"""The scorer as a process: the built binary on a free port of loopback, with a small model."""

import shutil
import subprocess
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from leapline.errors import ScorerError
from leapline.serving.client import ScorerClient
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "include" / "scorer"


@dataclass(frozen=True)
class Scorer:
    """A running scorer."""

    url: str
    model: str
    process: "subprocess.Popen[str]"


@pytest.fixture(scope="session")
def scorer_binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`.local/bin/scorer`, or one built from the source where that is missing."""
    built = ROOT / ".local" / "bin" / "scorer"
    if built.exists():
        return built
    go = shutil.which("go")
    if go is None:
        pytest.skip(f"NO SCORER: {built} is missing and there is no go to build it, so this test did not run")
    binary = tmp_path_factory.mktemp("bin") / "scorer"
    subprocess.run([go, "build", "-o", str(binary), "./cmd/scorer"], cwd=MODULE, check=True)
    return binary


@pytest.fixture(scope="session")
def small_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zip of the small readable pipeline of the scorer's own tests."""
    folder = MODULE / "testdata" / "buy"
    path = tmp_path_factory.mktemp("bundle") / "model.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*.json")):
            archive.write(file, file.relative_to(folder))
    return path


@pytest.fixture(scope="session")
def scorer(scorer_binary: Path, small_bundle: Path) -> Iterator[Scorer]:
    """`scorer serve` until the session ends."""
    address = f"127.0.0.1:{free_port()}"
    command = [str(scorer_binary), "serve", "--addr", address, str(small_bundle)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        yield Scorer(f"http://{address}", await_ready(f"http://{address}", process), process)
    finally:
        process.terminate()
        process.communicate(timeout=20)


def await_ready(url: str, process: "subprocess.Popen[str]") -> str:
    """The model's id, once a scorer is ready."""
    with ScorerClient(url) as client:
        for _ in range(1000):
            if process.poll() is not None:
                pytest.fail(f"the scorer ended: {process.communicate()[1]}")
            try:
                return str(client.ready()["model"])
            except ScorerError:
                time.sleep(0.01)
    return str(pytest.fail("the scorer was not ready after 10 s"))
