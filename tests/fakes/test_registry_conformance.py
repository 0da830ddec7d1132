"""The registry in memory passes the conformance suite of the OCI distribution spec."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.fakes.memory_registry import MemoryRegistry, Repository, Request, Response
from tests.fakes.registry_server import registry_server
from tests.simulator.checker import go

OPTIONS = {
    "OCI_TLS": "disabled",
    "OCI_VERSION": "1.1",
    "OCI_API_BLOBS_UPLOAD_CANCEL": "true",
    "OCI_API_BLOBS_DIGEST_HEADER": "true",
    "OCI_API_MANIFESTS_DIGEST_HEADER": "true",
}
"""Everything that version 1.1 of the spec has, also what is optional; what is only planned (tags as parameters of a
push, manifests without their blobs) is off by the suite's own default."""


class ForgetsTags(MemoryRegistry):
    """A registry with a fault: it takes a manifest by its tag, and forgets the tag."""

    def handle(self, request: Request) -> Response:
        response = super().handle(request)
        for repository in self.repositories.values():
            repository.tags.clear()
        return response


class WithoutReferrers(MemoryRegistry):
    """A registry with a fault: it lists no referrers."""

    def handle(self, request: Request) -> Response:
        if "/referrers/" in request.target:
            return MemoryRegistry.handle(_Empty(), request)
        return super().handle(request)


class _Empty(MemoryRegistry):
    def repository(self, name: str) -> Repository:
        return Repository()


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    command, binary = go(), tmp_path_factory.mktemp("conformance") / "conformance"
    if command is None:
        pytest.skip("GO MISSING: run `make setup`; the conformance suite did not run")
    module = ROOT / "include" / "tools" / "conformance"
    subprocess.run([command, "build", "-C", str(module), "-o", str(binary), "tool"], check=True)
    return binary


def outcome(suite: Path, registry: MemoryRegistry, results: Path) -> tuple[int, dict[str, int]]:
    """Return the exit status, and the numbers of results by their kind."""
    with registry_server(registry) as server:
        environment = os.environ | OPTIONS | {"OCI_REGISTRY": server.address, "OCI_RESULTS_DIR": str(results)}
        done = subprocess.run([str(suite)], env=environment, capture_output=True, text=True, check=False)
    _, _, summary = done.stdout.partition("OCI Conformance Result:")
    rows = [line.split(":") for line in summary.splitlines()[1:7]]
    return done.returncode, {name.strip(" ."): int(number) for name, number in rows}


def test_registry_in_memory_passes_the_conformance_suite(suite: Path, tmp_path: Path) -> None:
    status, numbers = outcome(suite, MemoryRegistry(), tmp_path)
    assert status == 0
    assert numbers["FAIL"] == numbers["Error"] == numbers["Disabled"] == 0
    assert numbers["Pass"] >= 860
    assert numbers["Skip"] <= 2


@pytest.mark.parametrize("registry", [ForgetsTags, WithoutReferrers])
def test_suite_notices_a_registry_with_a_fault(suite: Path, tmp_path: Path, registry: type[MemoryRegistry]) -> None:
    status, numbers = outcome(suite, registry(), tmp_path)
    assert status == 1
    assert numbers["FAIL"] > 0
