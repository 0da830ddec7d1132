"""`leapline image docker`: the image of a published model in Docker's format, on request."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from leapline.cli import app
from leapline.errors import BundleError, RegistryError
from leapline.serving import layout
from leapline.serving.docker_image import converted_digest
from leapline.serving.registry import Registry
from leapline.settings import Settings
from leapline.storage import Lake, write_json
from tests.command import environment, leapline
from tests.conftest import ROOT
from tests.serving.conftest import MakeImage

MODEL = "2026-03-01-0123456789ab"
TAG = f"{MODEL}-docker-arm64"


@pytest.fixture
def settings(registry_address: str, repository: str, tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "lake", tools=ROOT / ".local", registry=registry_address, repository=repository)


@pytest.fixture
def published(registry: Registry, make_image: MakeImage) -> Path:
    """A published champion."""
    image = make_image(model_id=MODEL)
    registry.push(image, MODEL)
    registry.tag(MODEL, "champion")
    return image


@pytest.mark.parametrize("name", [MODEL, "champion", "digest"])
def test_digest_is_that_of_the_package(settings: Settings, published: Path, name: str) -> None:
    model = layout.index_digest(published) if name == "digest" else name
    result = leapline(settings, "image", "docker", model, "--arch", "arm64")
    digest = converted_digest(published, "arm64")
    assert result["digest"] == digest
    assert (result["model_id"], result["tag"]) == (MODEL, TAG)
    assert result["reference"] == f"{settings.image}@{digest}"
    assert (result["published"], result["pushed"]) == (False, False)


def test_push_publishes_it_once(settings: Settings, published: Path, registry: Registry) -> None:
    pushed = [leapline(settings, "image", "docker", MODEL, "--arch", "arm64", "--push") for _ in range(2)]
    assert [(result["published"], result["pushed"]) for result in pushed] == [(True, True), (True, False)]
    assert registry.digest(TAG) == pushed[0]["digest"]
    assert registry.digest("champion") == layout.index_digest(published)


def test_out_writes_a_layout_that_can_be_pushed(
    settings: Settings, published: Path, registry: Registry, tmp_path: Path
) -> None:
    result = leapline(settings, "image", "docker", MODEL, "--arch", "arm64", "--out", str(tmp_path / "out"))
    assert registry.push(tmp_path / "out", "elsewhere", digest=result["digest"]) is True
    done = CliRunner().invoke(
        app, ["image", "docker", MODEL, "--arch", "arm64", "--out", str(tmp_path / "out")], env=environment(settings)
    )
    assert done.exit_code == 2
    assert "exists" in done.stderr


def test_absent_model_is_named(settings: Settings, registry: Registry) -> None:
    with pytest.raises(RegistryError, match=r"2026-03-09-0: found no such tag.*leapline models"):
        leapline(settings, "image", "docker", "2026-03-09-0", "--arch", "amd64")


def test_image_that_claims_to_be_another_model_is_rejected(
    settings: Settings, published: Path, registry: Registry, make_image: MakeImage, tmp_path: Path
) -> None:
    registry.push(make_image("another model", model_id=MODEL), "impostor")
    registry.tag("impostor", "champion")
    with pytest.raises(BundleError, match=f"{layout.index_digest(published)}, as it was published"):
        leapline(settings, "image", "docker", "champion", "--arch", "arm64", "--push", "--out", str(tmp_path / "out"))
    assert registry.digest(TAG) is None
    assert not (tmp_path / "out").exists()


def test_image_that_differs_from_the_lakes_record_is_rejected(
    settings: Settings, published: Path, registry: Registry
) -> None:
    """The registry's tag was overwritten since the model was published."""
    with Lake(settings.home).attempt("models", MODEL) as out:
        write_json(out / "publication.json", {"digest": "sha256:published"})
    with pytest.raises(BundleError, match="sha256:published, as it was published"):
        leapline(settings, "image", "docker", MODEL, "--arch", "arm64", "--push")
    assert registry.digest(TAG) is None
