"""An image for one platform in Docker's format, made from a model's OCI image.

AWS Lambda rejects image indexes, and Amazon SageMaker rejects OCI media types (docs/platforms.md). This image has the
layers of the OCI image, byte for byte, under a manifest of Docker's image manifest version 2, schema 2. It is written
as a layout with one manifest, which `crane push` sends unchanged:

    index.json, oci-layout    name the manifest
    blobs/sha256/...          the manifest, whose SHA-256 is the image's digest, the config, and the layers

The manifest has no annotations; the config's labels contain the same texts. The config is that of the OCI image
without its user: SageMaker expects containers to run as root, and Lambda uses a user of its own. The conversion depends
only on the OCI image, so that a later conversion of a published model produces the same digest as the step `package`.

Source: Docker's image manifest version 2, schema 2.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leapline.errors import BundleError
from leapline.serving import layout as layouts
from leapline.serving.image import INDEX_TYPE, LABEL, LAYER_TYPE, add_blob, canonical_json, sha256, write_layout

FOLDER = "docker"
"""The folder of a package with these images, one layout per architecture."""
CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip"


@dataclass(frozen=True)
class DockerImage:
    """A written image.

    Attributes:
        model_id: the model.
        tag: under which it is published; it never moves.
        digest: of its manifest.
        size_bytes: compressed bytes of layers and config.
    """

    model_id: str
    tag: str
    digest: str
    size_bytes: int


@dataclass(frozen=True)
class _Converted:
    config: bytes
    layers: list[dict[str, Any]]
    model_id: str

    @property
    def manifest(self) -> bytes:
        config = {"mediaType": CONFIG_TYPE, "digest": sha256(self.config), "size": len(self.config)}
        return canonical_json(
            {"schemaVersion": 2, "mediaType": layouts.DOCKER_MANIFEST_TYPE, "config": config, "layers": self.layers}
        )


def convert(source: Path, arch: str, out: Path) -> DockerImage:
    """Write the image of one architecture to `out`, which is replaced.

    Args:
        source: layout of the OCI image, built here or pulled.
        arch: "amd64" or "arm64".
        out: folder for the layout.

    Raises:
        BundleError: `source` has no image for this architecture, is damaged, or was not built by Leapline.
    """
    converted = _convert(source, arch)
    shutil.rmtree(out, ignore_errors=True)
    (out / "blobs" / "sha256").mkdir(parents=True)
    for layer in converted.layers:
        add_blob(out, layouts.read_blob(source, layer["digest"]), layer["mediaType"])
    config = add_blob(out, converted.config, CONFIG_TYPE)
    entry = add_blob(out, converted.manifest, layouts.DOCKER_MANIFEST_TYPE) | {
        "platform": {"architecture": arch, "os": "linux"}
    }
    write_layout(out, {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [entry]})
    size = sum(part["size"] for part in [config, *converted.layers])
    return DockerImage(converted.model_id, docker_tag(converted.model_id, arch), entry["digest"], size)


def converted_digest(source: Path, arch: str) -> str:
    """Return the digest of the image that `convert` makes of an OCI image.

    Raises:
        BundleError: as `convert`.
    """
    return sha256(_convert(source, arch).manifest)


def docker_tag(model_id: str, arch: str) -> str:
    """Return the tag of a model's image for one architecture."""
    return f"{model_id}-docker-{arch}"


def _convert(source: Path, arch: str) -> _Converted:
    manifest = layouts.document(source, layouts.manifest_digest(source, arch))
    try:
        config = layouts.document(source, manifest["config"]["digest"])
        run = {key: value for key, value in config["config"].items() if key != "User"}
        layers = [_layer(source, layer) for layer in manifest["layers"]]
        model_id = str(run["Labels"][LABEL + "version"])
    except (KeyError, TypeError, AttributeError) as exc:
        raise _not_built_here(source, f"no {exc}") from exc
    return _Converted(canonical_json(config | {"config": run}), layers, model_id)


def _layer(source: Path, layer: dict[str, Any]) -> dict[str, Any]:
    """Return the layer's descriptor with Docker's media type; both types mean a tar compressed with gzip."""
    if layer["mediaType"] != LAYER_TYPE:
        raise _not_built_here(source, f"a layer of type {layer['mediaType']}")
    return {"mediaType": DOCKER_LAYER_TYPE, "digest": layer["digest"], "size": layer["size"]}


def _not_built_here(source: Path, found: str) -> BundleError:
    return BundleError(
        f"image {source}",
        found=found,
        expected="an image that Leapline has built",
        fix="Choose a model from `leapline models`.",
    )
