"""Images in Docker's format: the layers of the OCI image, the same digest every time, immutable tags."""

import json
from pathlib import Path
from typing import Any

import pytest

from leapline.errors import BundleError, RegistryError, TagConflictError
from leapline.promotion.ledger import Ledger
from leapline.promotion.promote import ChampionTags
from leapline.serving import layout
from leapline.serving.docker_image import DockerImage, convert, converted_digest, docker_tag
from leapline.serving.image import LABEL, blob_path, canonical_json, sha256
from leapline.serving.registry import Registry
from leapline.storage import Lake, LocalStore
from tests.fakes.registry_modes import FORMATS, MODES
from tests.fakes.registry_proxy import RegistryProxy
from tests.lakes import record_model
from tests.promotion.test_promote import REQUEST
from tests.serving.conftest import MakeImage

MODEL = "2026-03-01-0123456789ab"


def documents(folder: Path, arch: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return manifest and config of a layout's image."""
    manifest = layout.document(folder, layout.manifest_digest(folder, arch))
    return manifest, layout.document(folder, manifest["config"]["digest"])


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_layers_and_config_are_those_of_the_oci_image(make_image: MakeImage, tmp_path: Path, arch: str) -> None:
    source = make_image(model_id=MODEL)
    built = convert(source, arch, tmp_path / "docker")
    (oci, oci_config), (docker, config) = documents(source, arch), documents(tmp_path / "docker", arch)
    assert [part["digest"] for part in docker["layers"]] == [part["digest"] for part in oci["layers"]]
    for part in oci["layers"]:
        assert (
            blob_path(tmp_path / "docker", part["digest"]).read_bytes()
            == blob_path(source, part["digest"]).read_bytes()
        )
    assert oci_config["config"].pop("User") == "65532:65532"
    assert config == oci_config
    assert config["config"]["Labels"] == oci["annotations"]
    assert config["config"]["Labels"][LABEL + "version"] == built.model_id == MODEL
    assert (built.tag, built.digest) == (f"{MODEL}-docker-{arch}", layout.image_digest(tmp_path / "docker"))
    assert built.size_bytes == layout.declared_bytes(docker)


def test_manifest_has_the_fields_of_dockers_format_only(make_image: MakeImage, tmp_path: Path) -> None:
    convert(make_image(), "amd64", tmp_path / "docker")
    manifest, _ = documents(tmp_path / "docker", "amd64")
    assert set(manifest) == {"schemaVersion", "mediaType", "config", "layers"}
    assert [
        manifest["mediaType"],
        manifest["config"]["mediaType"],
        *(part["mediaType"] for part in manifest["layers"]),
    ] == [
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.container.image.v1+json",
        *["application/vnd.docker.image.rootfs.diff.tar.gzip"] * 2,
    ]


def test_same_image_gives_the_same_bytes(make_image: MakeImage, tmp_path: Path) -> None:
    one = convert(make_image(model_id=MODEL), "amd64", tmp_path / "one")
    two = convert(make_image(model_id=MODEL), "amd64", tmp_path / "two")
    assert one == two
    assert one.digest == converted_digest(make_image(model_id=MODEL), "amd64")
    files = [{p.name: p.read_bytes() for p in (tmp_path / name).rglob("*") if p.is_file()} for name in ("one", "two")]
    assert files[0] == files[1]
    assert converted_digest(make_image("another model", model_id=MODEL), "amd64") != one.digest


def test_missing_architecture_is_rejected(make_image: MakeImage, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"amd64, arm64.*linux/s390x"):
        convert(make_image(), "s390x", tmp_path / "docker")
    assert not (tmp_path / "docker").exists()


def test_damaged_layer_is_rejected(make_image: MakeImage, tmp_path: Path) -> None:
    source = make_image()
    digest = documents(source, "amd64")[0]["layers"][1]["digest"]
    blob_path(source, digest).write_bytes(b"damaged")
    with pytest.raises(BundleError, match=digest):
        convert(source, "amd64", tmp_path / "docker")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+zstd"}]}, "layer of type .*zstd"),
        ({"layers": [{}]}, "no 'mediaType'"),
        ({"config": {}}, "no 'digest'"),
    ],
)
def test_image_of_another_tool_is_rejected(
    make_image: MakeImage, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    source = make_image()
    content = canonical_json(documents(source, "amd64")[0] | change)
    blob_path(source, sha256(content)).write_bytes(content)
    index = layout.index(source)
    for entry in index["manifests"]:
        entry["digest"] = sha256(content)
    (source / "index.json").write_text(json.dumps(index))
    with pytest.raises(BundleError, match=message):
        convert(source, "amd64", tmp_path / "docker")


@pytest.fixture
def docker(make_image: MakeImage, tmp_path: Path) -> tuple[Path, DockerImage]:
    return tmp_path / "docker", convert(make_image(model_id=MODEL), "amd64", tmp_path / "docker")


def test_registry_returns_what_was_pushed(registry: Registry, docker: tuple[Path, DockerImage], tmp_path: Path) -> None:
    folder, built = docker
    assert registry.push(folder, built.tag, digest=built.digest) is True
    assert registry.push(folder, built.tag, digest=built.digest) is False
    assert registry.digest(built.tag) == built.digest
    registry.verify(folder, built.digest, tmp_path)
    pulled = registry.pull(built.digest, tmp_path / "again", docker=True)
    assert layout.blobs(pulled) == layout.blobs(folder)


def test_pushed_after_its_model_it_sends_config_and_manifest_only(
    registry_address: str, repository: str, crane: Path, make_image: MakeImage, docker: tuple[Path, DockerImage]
) -> None:
    with RegistryProxy(registry_address) as proxy:
        target = Registry(f"{proxy.address}/{repository}", crane, budget_s=20)
        target.push(make_image(model_id=MODEL), MODEL)
        proxy.seen.clear()
        target.push(docker[0], docker[1].tag)
        assert proxy.count("POST", "/blobs/uploads/") == 1


def test_tag_never_moves(
    registry: Registry, docker: tuple[Path, DockerImage], make_image: MakeImage, tmp_path: Path
) -> None:
    folder, built = docker
    registry.push(folder, built.tag)
    other = convert(make_image("another model", model_id=MODEL), "amd64", tmp_path / "other")
    assert other.tag == built.tag
    with pytest.raises(TagConflictError, match=built.digest):
        registry.push(tmp_path / "other", other.tag)
    with pytest.raises(TagConflictError, match="package and probe it again"):
        registry.push(tmp_path / "other", "unused", digest=built.digest)
    assert registry.digest(built.tag) == built.digest


@pytest.fixture
def both_kinds(registry: Registry, docker: tuple[Path, DockerImage], make_image: MakeImage) -> DockerImage:
    """Publish a model and its image in Docker's format; return the latter."""
    folder, built = docker
    registry.push(folder, built.tag)
    registry.push(make_image(model_id=MODEL), MODEL)
    return built


def test_kinds_of_images_are_not_confused(registry: Registry, both_kinds: DockerImage, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="found the manifest of a single platform; expected an image index"):
        registry.pull(both_kinds.tag, tmp_path / "pulled")
    with pytest.raises(BundleError, match="found an image index; expected the manifest of a single platform"):
        registry.pull(MODEL, tmp_path / "pulled", docker=True)


def test_image_for_one_platform_never_becomes_the_champion(
    registry: Registry, both_kinds: DockerImage, tmp_path: Path
) -> None:
    tags = ChampionTags(registry, Ledger(LocalStore(tmp_path)))
    record_model(Lake(tmp_path), MODEL, str(registry.digest(MODEL)))
    tags.rollback(REQUEST, to=MODEL)
    serving = registry.digest("champion")
    with pytest.raises(BundleError, match="model id alone"):
        tags.rollback(REQUEST, to=both_kinds.tag)
    with pytest.raises(BundleError, match="model id alone"):
        tags.promote(both_kinds.digest, REQUEST, expected_current=serving, allow_older=True)
    assert (registry.digest("champion"), registry.digest("previous")) == (serving, None)
    assert len(tags.ledger.entries()) == 1


@pytest.mark.parametrize("mode", MODES)
def test_every_registry_accepts_it(
    registry_address: str, repository: str, crane: Path, docker: tuple[Path, DockerImage], tmp_path: Path, mode: str
) -> None:
    folder, built = docker
    with RegistryProxy(registry_address, MODES[mode]) as proxy:
        target = Registry(f"{proxy.address}/{repository}", crane, budget_s=20)
        assert target.push(folder, built.tag, digest=built.digest) is True
        assert target.push(folder, built.tag, digest=built.digest) is False
        target.verify(folder, built.digest, tmp_path)


@pytest.mark.parametrize("mode", ["docker only", "without indexes"])
def test_registry_that_rejects_indexes_accepts_it(
    registry_address: str,
    repository: str,
    crane: Path,
    docker: tuple[Path, DockerImage],
    make_image: MakeImage,
    mode: str,
) -> None:
    folder, built = docker
    with RegistryProxy(registry_address, FORMATS[mode]) as proxy:
        target = Registry(f"{proxy.address}/{repository}", crane, budget_s=20)
        with pytest.raises(RegistryError, match="failed 1 time .*docs/platforms.md"):
            target.push(make_image(model_id=MODEL), MODEL)
        assert target.push(folder, built.tag, digest=built.digest) is True
        assert target.digest(built.tag) == built.digest
        assert target.tags() == [built.tag]


def test_registry_that_rejects_dockers_format_names_the_setting(
    registry_address: str, repository: str, crane: Path, docker: tuple[Path, DockerImage]
) -> None:
    with RegistryProxy(registry_address, FORMATS["oci only"]) as proxy:
        target = Registry(f"{proxy.address}/{repository}", crane, budget_s=20)
        with pytest.raises(RegistryError, match="LEAPLINE_DOCKER_IMAGES"):
            target.push(docker[0], docker[1].tag)


def test_tag_is_valid_in_registries() -> None:
    assert docker_tag(MODEL, "amd64") == "2026-03-01-0123456789ab-docker-amd64"
    assert len(docker_tag(MODEL, "amd64")) <= 128
