"""A registry without TLS outside of loopback, such as the one of docker-compose.yaml."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from leapline.deployment.factory import registry
from leapline.errors import RegistryError
from leapline.local.registry_service import LocalRegistry
from leapline.settings import Settings
from tests.conftest import ROOT
from tests.ports import free_port
from tests.serving.conftest import MakeImage


@pytest.fixture(scope="module")
def address(registry_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry without TLS on an address that, like a host name, is not exempt from TLS."""
    service = LocalRegistry(tmp_path_factory.mktemp("registry"), registry_binary, f"127.0.0.2:{free_port()}")
    yield service.start().address
    service.stop()


def test_publishing_without_tls_requires_the_setting(address: str, make_image: MakeImage) -> None:
    settings = Settings(registry=address, tools=ROOT / ".local")
    with pytest.raises(RegistryError, match="set LEAPLINE_REGISTRY_PLAIN_HTTP=true"):
        registry(settings)
    repository = registry(settings.model_copy(update={"registry_plain_http": True}))
    assert repository.push(make_image(), "model-1")
    repository.tag("model-1", "champion")
    assert repository.tags() == ["champion", "model-1"]
    assert repository.digest("champion") == repository.digest("model-1")
