"""Faults of the registry in memory: what each does, and that a seed decides all of them."""

import random
from pathlib import Path

import pytest

from leapline.serving.layout import index_digest
from leapline.serving.registry import Registry
from tests.fakes.memory_registry import MemoryRegistry, Request
from tests.fakes.registry_faults import KINDS, FaultyRegistry
from tests.fakes.registry_server import registry_server
from tests.serving.conftest import MakeImage, crane, make_image, registry_binary

__all__ = ["crane", "make_image", "registry_binary"]
BLOB = b"some content"
DIGEST = "sha256:290f493c44f5d63d06b374d0a5abd292fae38b92cab2fae5efefe1b0e9347f56"
PUSH = Request("POST", f"/v2/shop/scorer/blobs/uploads/?digest={DIGEST}", {}, BLOB)


def faulty(kind: str, registry: MemoryRegistry | None = None, seed: int = 1) -> FaultyRegistry:
    return FaultyRegistry(registry or MemoryRegistry(), random.Random(seed), 1.0, (kind,))


@pytest.mark.parametrize(("kind", "status"), [("429", 429), ("500", 500), ("503", 503), ("expired token", 401)])
def test_answers_instead_of_the_registry_have_no_effect(kind: str, status: int) -> None:
    registry = MemoryRegistry()
    answer = faulty(kind, registry).handle(PUSH)
    assert answer.status == status
    assert ("Retry-After" in answer.headers) == (kind == "429")
    assert not registry.repositories


@pytest.mark.parametrize(
    ("kind", "has_blob"), [("reset before", False), ("reset after", True), ("truncated upload", False)]
)
def test_broken_connections_happen_before_or_after_the_effect(kind: str, has_blob: bool) -> None:
    registry = MemoryRegistry()
    with pytest.raises(ConnectionResetError):
        faulty(kind, registry).handle(PUSH)
    assert (DIGEST in registry.repository("shop/scorer").blobs) == has_blob


def test_truncated_chunk_leaves_a_part_that_the_digest_rejects() -> None:
    registry = MemoryRegistry()
    upload = registry.handle(Request("POST", "/v2/shop/scorer/blobs/uploads/")).headers["Location"]
    with pytest.raises(ConnectionResetError):
        faulty("truncated upload", registry).handle(Request("PATCH", upload, {}, BLOB))
    assert registry.handle(Request("PUT", f"{upload}?digest={DIGEST}")).status == 400
    assert not registry.repository("shop/scorer").blobs


def test_slow_answer_takes_logical_time() -> None:
    waited: list[float] = []
    registry = faulty("slow")
    registry.wait = waited.append
    assert registry.handle(PUSH).status == 201
    assert len(waited) == 1
    assert waited[0] > 0


def test_seed_decides_which_requests_fail() -> None:
    def faults(seed: int) -> list[str]:
        registry = FaultyRegistry(MemoryRegistry(), random.Random(seed), 0.3)
        for _ in range(60):
            try:
                registry.handle(PUSH)
            except ConnectionResetError:
                continue
        return registry.injected

    assert faults(3) == faults(3) != faults(4)
    assert {fault.split(":")[0] for seed in range(9) for fault in faults(seed)} == set(KINDS)


@pytest.mark.parametrize("seed", [1, 2])
def test_push_succeeds_over_http_despite_faults(seed: int, crane: Path, make_image: MakeImage, tmp_path: Path) -> None:
    memory = MemoryRegistry()
    faults = FaultyRegistry(
        memory, random.Random(seed), 0.15, ("503", "reset before", "reset after", "truncated upload")
    )
    with registry_server(faults) as server:
        target, image = Registry(f"{server.address}/shop/scorer", crane, budget_s=60), make_image()
        target.push(image, "m1")
        faults.rate = 0.0
        target.verify(image, index_digest(image), tmp_path)
    assert faults.injected
    assert memory.repository("shop/scorer").tags == {"m1": index_digest(image)}
