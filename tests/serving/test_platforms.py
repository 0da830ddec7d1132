"""The published images meet the rules that platforms publish, each in the format that the platform accepts."""

from pathlib import Path

import pytest

from leapline.serving.docker_image import convert
from leapline.serving.layout import manifest_digest
from leapline.serving.registry import Registry
from tests.serving import platform_rules as rules
from tests.serving.conftest import MakeImage
from tests.serving.platform_rules import DOCKER, INDEX, OCI, PublishedImage, Rule, fetch

MODEL = "2026-03-01-0123456789ab"


@pytest.fixture
def images(
    registry: Registry, registry_address: str, repository: str, make_image: MakeImage, tmp_path: Path
) -> dict[str, PublishedImage]:
    """A model in every format, as the registry returns it: the index, and for each architecture both formats."""
    index = make_image(model_id=MODEL)
    registry.push(index, MODEL)
    published = {"index": fetch(registry_address, repository, MODEL)}
    for arch in ("amd64", "arm64"):
        published[f"oci {arch}"] = fetch(registry_address, repository, manifest_digest(index, arch))
        built = convert(index, arch, tmp_path / arch)
        registry.push(tmp_path / arch, built.tag, digest=built.digest)
        published[f"docker {arch}"] = fetch(registry_address, repository, built.tag)
    return published


@pytest.mark.parametrize(
    ("rule", "accepted"),
    [
        (rules.docker_schema_2, {"docker amd64", "docker arm64"}),
        (rules.aws_lambda, {"oci amd64", "oci arm64", "docker amd64", "docker arm64"}),
        (rules.sagemaker, {"docker amd64", "docker arm64"}),
        (rules.cloud_run, {"index", "oci amd64", "docker amd64"}),
        (rules.azure_container_apps, {"index", "oci amd64", "docker amd64"}),
        (rules.kubernetes_non_root, {"index", "oci amd64", "oci arm64"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_platform_accepts_these_formats(images: dict[str, PublishedImage], rule: Rule, accepted: set[str]) -> None:
    objections = {name: list(rule(image)) for name, image in images.items()}
    assert {name for name, reasons in objections.items() if not reasons} == accepted, objections


def test_registry_stores_the_media_types_as_pushed(images: dict[str, PublishedImage]) -> None:
    types = {name: image.media_type for name, image in images.items()}
    assert types == {
        "index": INDEX, "oci amd64": OCI, "oci arm64": OCI, "docker amd64": DOCKER, "docker arm64": DOCKER,
    }  # fmt: skip


def test_client_that_accepts_dockers_format_gets_it_under_its_tag_only(
    images: dict[str, PublishedImage], registry_address: str, repository: str
) -> None:
    image = fetch(registry_address, repository, f"{MODEL}-docker-amd64", accept=DOCKER)
    assert image == images["docker amd64"]
    assert fetch(registry_address, repository, MODEL, accept=DOCKER).media_type == INDEX, "what SageMaker rejects"


def test_rules_object_to_changed_configs(images: dict[str, PublishedImage]) -> None:
    """Proves that the rules can fail."""
    image = images["docker amd64"]
    changed = [{"User": "65532"}, {"Entrypoint": ["/bin/sh", "-c", "x"]}, {"ExposedPorts": {}}]
    for change in changed:
        config = {**(image.config or {}), "config": image.run | change}
        assert list(rules.sagemaker(PublishedImage(image.media_type, image.body, config, image.layers)))
    config = {**(image.config or {}), "config": image.run | {"Entrypoint": ["scorer"]}}
    assert list(rules.aws_lambda(PublishedImage(image.media_type, image.body, config, image.layers)))
