"""Images in Docker's format of models that are published already."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from leapline.deployment.factory import registry
from leapline.errors import BundleError, RegistryError
from leapline.serving import docker_image
from leapline.serving.registry import Registry
from leapline.settings import Settings
from leapline.storage import lake_of, read_json


def make_docker_image(
    settings: Settings, model: str, arch: str, *, out: Path | None = None, push: bool = False
) -> dict[str, Any]:
    """Make the image of a published model for one architecture, with the digest that the step `package` records.

    Nothing that is pulled is executed; every digest of it is checked.

    Args:
        settings: name the registry and the lake.
        model: a model id, `champion`, `previous`, or the digest of a published image.
        arch: "amd64" or "arm64".
        out: new folder to write the layout to; none is kept if None.
        push: whether to publish it under its own tag, which never moves.

    Returns:
        `{"model_id", "tag", "digest", "reference", "bytes", "published", "pushed"}`: `published` is whether the tag
        names this image, `pushed` whether this call has sent it.

    Raises:
        RegistryError: no such model, or no clear answer.
        TagConflictError: the tag names another image; nothing was overwritten.
        BundleError: the model's image is damaged, not the one that this installation published, or not Leapline's.
    """
    target = registry(settings)
    digest = model if model.startswith("sha256:") else target.digest(model)
    if digest is None:
        raise RegistryError(
            f"tag {target.ref(model)}",
            found="no such tag",
            expected="a published model",
            fix="`leapline models` lists them.",
        )
    with tempfile.TemporaryDirectory(prefix="leapline-image-") as work:
        source = target.pull(digest, Path(work) / "image")
        layout = Path(work) / docker_image.FOLDER
        built = docker_image.convert(source, arch, layout)
        _require_published(settings, target, built.model_id, digest)
        if out:
            shutil.copytree(layout, out)
        pushed = push and _push(target, layout, built, Path(work))
    return {
        "model_id": built.model_id,
        "tag": built.tag,
        "digest": built.digest,
        "reference": target.ref(built.digest),
        "bytes": built.size_bytes,
        "published": target.digest(built.tag) == built.digest,
        "pushed": pushed,
    }


def _push(target: Registry, layout: Path, built: docker_image.DockerImage, work: Path) -> bool:
    pushed = target.push(layout, built.tag, digest=built.digest)
    target.verify(layout, built.digest, work)
    return pushed


def _require_published(settings: Settings, target: Registry, model_id: str, digest: str) -> None:
    """Reject an image whose label names a model that was published with another digest."""
    lake, published = lake_of(settings), target.digest(model_id)
    if lake.has("models", model_id):
        published = read_json(lake.current("models", model_id) / "publication.json")["digest"]
    if published != digest:
        raise BundleError(
            f"image of model {model_id}",
            found=digest,
            expected=f"{published or 'no image'}, as it was published",
            fix="Look for another writer to this repository.",
        )
