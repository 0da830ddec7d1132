"""An installation with a champion and, a day later, a package that has passed its probe; copies of it are killed."""

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from leapline.deployment.factory import registry
from leapline.deployment.signatures import sign_image
from leapline.local.registry_service import LocalRegistry
from leapline.serving.image import build
from leapline.serving.layout import index_digest
from leapline.settings import Settings
from leapline.signing.key_ring import key_ring
from leapline.signing.keys import SigningKey
from leapline.storage import Lake, write_json
from leapline.storage.seal import write_data_seal
from tests.conftest import ROOT
from tests.faults.kills.actions import promote, publish
from tests.faults.kills.installations import copy_of
from tests.lakes import make_champion, record_model
from tests.ports import free_address
from tests.steps.packaged import CHAMPION, DAY, write_packaged_day

Copy = Callable[[Settings, str], Settings]
_copies = itertools.count()


@pytest.fixture(scope="session")
def registry_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("registry")


@pytest.fixture(scope="session")
def registry_service(registry_folder: Path) -> Iterator[LocalRegistry]:
    if not (ROOT / ".local/bin/registry").exists():
        pytest.skip("TOOLS ABSENT: `make setup` puts the registry and crane into .local")
    local = LocalRegistry(registry_folder, ROOT / ".local/bin/registry", free_address())
    local.start()
    yield local
    local.stop()


@pytest.fixture(scope="session")
def installed(registry_service: LocalRegistry, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The champion of the day before is signed and in the ledger."""
    folder = tmp_path_factory.mktemp("installed")
    key = SecretStr(SigningKey.generate(ed25519_key=True).pem())
    settings = Settings(
        home=folder / "lake", tools=ROOT / ".local", registry=registry_service.address, repository="shop/base",
        signing_key=key,
    )  # fmt: skip
    lake = Lake(settings.home)
    digest = _publish_champion(settings, lake, folder)
    champion = {"state": "compared", "model_id": CHAMPION, "digest": digest}
    write_packaged_day(lake, folder, champion, docker=())
    for dataset in ("events", "examples"):
        with lake.attempt(dataset, DAY) as out:
            write_json(out / "counts.json", {})
            write_data_seal(lake, out, [], {})
    return settings


def _publish_champion(settings: Settings, lake: Lake, folder: Path) -> str:
    (folder / "champion.zip").write_text("the champion")
    (folder / "scorer").write_text("#!/bin/sh\n")
    image, created = folder / "champion", datetime(2026, 3, 1, tzinfo=UTC)
    scorers = dict.fromkeys(("amd64", "arm64"), folder / "scorer")
    build(folder / "champion.zip", scorers, image, model_id=CHAMPION, labels={}, created=created)
    target, digest = registry(settings), index_digest(image)
    target.push(image, CHAMPION)
    key = key_ring(settings).signing_key()
    assert key
    sign_image(target, digest, {}, key)
    record_model(lake, CHAMPION, digest)
    make_champion(settings, digest)
    return digest


@pytest.fixture(scope="session")
def published(installed: Settings, copied: Copy) -> Settings:
    """The package is published, and not promoted yet."""
    settings = copied(installed, "published")
    publish(settings)
    return settings


@pytest.fixture(scope="session")
def promoted(published: Settings, copied: Copy) -> Settings:
    """The package is published and promoted."""
    settings = copied(published, "promoted")
    promote(settings)
    return settings


@pytest.fixture(scope="session")
def copied(registry_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """Copies an installation with its repository."""

    def copy(settings: Settings, name: str) -> Settings:
        number = next(_copies)
        return copy_of(settings, registry_folder, f"shop/{name}-{number}", tmp_path_factory.mktemp(name) / str(number))

    return copy
