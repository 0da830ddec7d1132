"""The registry and the small images of the tests of `leapline.serving`."""

from tests.serving.conftest import crane, make_image, published, registry, registry_address, registry_binary, repository

__all__ = ["crane", "make_image", "published", "registry", "registry_address", "registry_binary", "repository"]
