"""A real registry on a free loopback port, and small images to put into it."""

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from leapline.local.registry_service import LocalRegistry
from leapline.serving.image import build
from leapline.serving.layout import index_digest
from leapline.serving.registry import Registry
from tests.conftest import ROOT
from tests.ports import free_address

BIN = ROOT / ".local" / "bin"
MakeImage = Callable[..., Path]
_repositories = itertools.count()


@pytest.fixture(scope="session")
def registry_binary() -> Path:
    if not (BIN / "registry").exists():
        pytest.skip("REGISTRY ABSENT: run `make setup`; no registry test ran")
    return BIN / "registry"


@pytest.fixture(scope="session")
def crane(registry_binary: Path) -> Path:
    return registry_binary.with_name("crane")


@pytest.fixture(scope="session")
def registry_address(registry_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    local = LocalRegistry(tmp_path_factory.mktemp("registry"), registry_binary, free_address())
    yield local.start().address
    local.stop()


@pytest.fixture
def repository() -> str:
    return f"shop/scorer-{next(_repositories)}"


@pytest.fixture
def registry(registry_address: str, repository: str, crane: Path) -> Registry:
    return Registry(f"{registry_address}/{repository}", crane, budget_s=20)


@pytest.fixture
def make_image(tmp_path: Path) -> MakeImage:
    """Builds an image of some text as its model; a model id of its own unless one is given."""

    def make(model: str = "a model", *, model_id: str = "", day: str = "2026-03-01") -> Path:
        (tmp_path / "model.zip").write_text(model)
        (tmp_path / "scorer").write_text("#!/bin/sh\n")
        name = model_id or f"{day}-{abs(hash(model)) % 10**12:012d}"
        out = tmp_path / "images" / f"{name}-{len(model)}"
        created = datetime.fromisoformat(day).replace(tzinfo=UTC)
        scorers = {"amd64": tmp_path / "scorer", "arm64": tmp_path / "scorer"}
        build(tmp_path / "model.zip", scorers, out, model_id=name, labels={}, created=created)
        return out

    return make


@pytest.fixture
def published(registry: Registry, make_image: MakeImage) -> Callable[[str], str]:
    """Pushes an image of a data day under its model id; returns its digest."""

    def publish(day: str) -> str:
        image = make_image(day, model_id=f"{day}-0123456789ab", day=day)
        registry.push(image, f"{day}-0123456789ab")
        return index_digest(image)

    return publish
