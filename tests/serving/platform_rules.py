"""The rules that platforms publish for images, as docs/platforms.md lists them with their sources.

Each rule returns what a platform would object to. Rules about the running container are tested with the real scorer.
"""

import gzip
import http.client
import io
import json
import re
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
OCI = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
GIGABYTE = 10**9
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class PublishedImage:
    """An image as a platform gets it from the registry.

    Attributes:
        media_type: the `Content-Type` of its manifest.
        body: the manifest's bytes.
        config: None for an index.
        layers: the layers as they are stored; none for an index.
    """

    media_type: str
    body: bytes
    config: dict[str, Any] | None
    layers: list[bytes]

    @property
    def manifest(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.body)
        return content

    @property
    def run(self) -> dict[str, Any]:
        """How the config starts the image."""
        return (self.config or {}).get("config", {})

    def members(self) -> Iterator[tarfile.TarInfo]:
        """Yield the entries of all layers."""
        for layer in self.layers:
            with tarfile.open(fileobj=io.BytesIO(gzip.decompress(layer))) as tar:
                yield from tar

    @property
    def uncompressed_bytes(self) -> int:
        return sum(len(gzip.decompress(layer)) for layer in self.layers)


def fetch(address: str, repository: str, reference: str, accept: str = f"{INDEX}, {OCI}, {DOCKER}") -> PublishedImage:
    """Get an image over HTTP, as a platform does that accepts these types of manifests.

    Raises:
        LookupError: the registry has no manifest of such a type.
    """
    media_type, body = _get(address, f"/v2/{repository}/manifests/{reference}", accept)
    manifest = json.loads(body)
    if "config" not in manifest:
        return PublishedImage(media_type, body, None, [])
    blobs = [_get(address, f"/v2/{repository}/blobs/{part['digest']}")[1] for part in manifest["layers"]]
    config = json.loads(_get(address, f"/v2/{repository}/blobs/{manifest['config']['digest']}")[1])
    return PublishedImage(media_type, body, config, blobs)


def _get(address: str, path: str, accept: str = "*/*") -> tuple[str, bytes]:
    connection = http.client.HTTPConnection(address, timeout=10)
    connection.request("GET", path, headers={"Accept": accept})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    if response.status != http.client.OK:
        raise LookupError(f"{response.status} for {path}: {body.decode()}")
    return response.getheader("Content-Type", ""), body


def docker_schema_2(image: PublishedImage) -> Iterator[str]:
    """Docker's image manifest version 2, schema 2: its fields and media types."""
    manifest = image.manifest
    if image.media_type != DOCKER or manifest.get("mediaType") != DOCKER:
        yield f"manifest of type {image.media_type}"
    if manifest.get("schemaVersion") != 2:
        yield "schemaVersion is not 2"
    if extra := set(manifest) - {"schemaVersion", "mediaType", "config", "layers"}:
        yield f"fields that the format does not have: {extra}"
    config = manifest.get("config", {})
    if config.get("mediaType") != "application/vnd.docker.container.image.v1+json":
        yield f"config of type {config.get('mediaType')}"
    for part in [config, *manifest.get("layers", [])]:
        if not isinstance(part.get("size"), int) or not _DIGEST.fullmatch(part.get("digest", "")):
            yield f"descriptor {part}"
    layer_types = {layer["mediaType"] for layer in manifest.get("layers", [])}
    yield from (f"layer of type {kind}" for kind in layer_types - {DOCKER_LAYER})


def aws_lambda(image: PublishedImage) -> Iterator[str]:
    """One architecture, a manifest of either format, 10 GB, a read-only file system, and a user of Lambda's own."""
    if image.media_type not in (DOCKER, OCI) or image.config is None:
        yield f"manifest of type {image.media_type}"
        return
    if image.config["os"] != "linux" or image.config["architecture"] not in ("amd64", "arm64"):
        yield f"platform {image.config['os']}/{image.config['architecture']}"
    if image.uncompressed_bytes > 10 * GIGABYTE:
        yield f"{image.uncompressed_bytes} bytes"
    if not image.run.get("Entrypoint", [""])[0].startswith("/") or not image.run.get("WorkingDir", "").startswith("/"):
        yield "ENTRYPOINT and WORKDIR must be absolute paths"
    yield from _unreadable(image)


def _unreadable(image: PublishedImage) -> Iterator[str]:
    """Files that another user cannot read, and files whose folder no layer has: Lambda rejects the latter too."""
    folders = {"."}
    for member in image.members():
        if member.isdir():
            folders.add(member.name)
        elif str(PurePosixPath(member.name).parent) not in folders:
            yield f"no folder for {member.name}"
        if not member.mode & 0o004 or (member.mode & 0o100 and not member.mode & 0o001):
            yield f"{member.name} has mode {member.mode:o}"


def sagemaker(image: PublishedImage) -> Iterator[str]:
    """Docker's format for one platform, root as the user, an entry point that starts no shell, and port 8080."""
    if image.media_type != DOCKER or image.config is None:
        yield f"manifest of type {image.media_type}"
        return
    yield from docker_schema_2(image)
    if image.run.get("User", "") not in ("", "root", "0", "0:0"):
        yield f"user {image.run['User']}"
    if not image.run.get("Entrypoint") or "sh" in PurePosixPath(image.run["Entrypoint"][0]).name.split("-"):
        yield "no entry point in exec form"
    if "8080/tcp" not in image.run.get("ExposedPorts", {}):
        yield "port 8080 is not served"


def cloud_run(image: PublishedImage) -> Iterator[str]:
    """Either format; an index must include linux/amd64; the container listens on $PORT."""
    if image.media_type not in (DOCKER, DOCKER_LIST, OCI, INDEX):
        yield f"manifest of type {image.media_type}"
    if "linux/amd64" not in _platforms(image):
        yield f"platforms {_platforms(image)}"


def azure_container_apps(image: PublishedImage) -> Iterator[str]:
    """An image for linux/amd64."""
    if "linux/amd64" not in _platforms(image):
        yield f"platforms {_platforms(image)}"


def kubernetes_non_root(image: PublishedImage) -> Iterator[str]:
    """`runAsNonRoot: true` without `runAsUser`: the image names a numeric user other than root."""
    if image.config and not re.fullmatch(r"[1-9]\d*(:\d+)?", image.run.get("User", "")):
        yield f"user {image.run.get('User', '')!r}"


def _platforms(image: PublishedImage) -> list[str]:
    if image.config:
        return [f"{image.config['os']}/{image.config['architecture']}"]
    return [f"{entry['platform']['os']}/{entry['platform']['architecture']}" for entry in image.manifest["manifests"]]


Rule = Callable[[PublishedImage], Iterator[str]]
