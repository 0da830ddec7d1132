"""`crane` inside the process does what the real one does, as far as Leapline can see."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any
from unittest.mock import patch

import pytest

from leapline.errors import RegistryError
from leapline.serving.referrers import Subject, attach, verify
from leapline.serving.registry import Registry
from leapline.signing.keys import SigningKey
from tests.fakes.memory_registry import MemoryRegistry, Request
from tests.fakes.registry_faults import FaultyRegistry
from tests.fakes.registry_server import registry_server
from tests.serving.conftest import MakeImage, crane, make_image, registry_binary
from tests.simulator.crane import InProcessCrane

__all__ = ["crane", "make_image", "registry_binary"]
KEY = SigningKey.generate()
Use = Callable[[Registry], Any]


@pytest.fixture(params=["real", "inside"])
def connect(request: pytest.FixtureRequest, crane: Path) -> Iterator[Callable[[FaultyRegistry], Any]]:
    """Connects to a registry with the real tool over HTTP, or inside this process."""
    with registry_server(MemoryRegistry()) as server:

        def connected(registry: FaultyRegistry) -> Registry:
            server.registry = registry
            return Registry(f"{server.address}/shop/scorer", crane, budget_s=4)

        if request.param == "real":
            yield connected
            return
        inside = InProcessCrane(lambda host, request: server.registry.handle(request), monotonic)
        with patch("leapline.serving.crane.subprocess", inside):
            yield connected


def quiet(registry: MemoryRegistry) -> FaultyRegistry:
    return FaultyRegistry(registry, random.Random(1), 0.0)


def test_images_statements_and_tags_are_pushed_and_read(
    connect: Callable[[FaultyRegistry], Registry], make_image: MakeImage, tmp_path: Path
) -> None:
    memory, image = MemoryRegistry(), make_image(model_id="2026-03-01-0123456789ab")
    target = connect(quiet(memory))
    assert target.push(image, "m1")
    assert not target.push(image, "m1")
    digest = target.digest("m1")
    assert digest is not None
    target.tag(digest, "champion")
    subject = Subject.read(target, digest)
    assert attach(target, subject, "signature", {}, KEY)
    verify(target, subject, [KEY.public])
    target.verify(image, digest, tmp_path)
    assert target.tags() == ["2026-03-01-0123456789ab-signature-" + KEY.public.key_id[:12], "champion", "m1"]
    assert len(memory.repository("shop/scorer").manifests) == 4
    referrers = memory.handle(Request("GET", f"/v2/shop/scorer/referrers/{digest}"))
    assert b"dev.sigstore.bundle" in referrers.body


def test_absent_tags_and_repositories_are_recognised(connect: Callable[[FaultyRegistry], Registry]) -> None:
    target = connect(quiet(MemoryRegistry()))
    assert target.digest("champion") is None
    assert target.tags() == []
    with pytest.raises(RegistryError) as error:
        target.annotations("champion")
    assert type(error.value).__name__ == "AbsentError"


@pytest.mark.parametrize(
    ("kind", "expected"), [("500", "RegistryError"), ("429", "RegistryError"), ("expired token", "AccessDeniedError")]
)
def test_faults_become_the_same_errors(connect: Callable[[FaultyRegistry], Registry], kind: str, expected: str) -> None:
    registry = FaultyRegistry(MemoryRegistry(), random.Random(1), 1.0, (kind,))
    with pytest.raises(RegistryError) as error:
        connect(registry).digest("champion")
    assert type(error.value).__name__ == expected
