"""Read an OCI image layout from an untrusted source: sizes are bounded, digests checked, and paths confined.

Only plain files and folders are accepted in layers. Links, devices, whiteouts, absolute paths and `..` are rejected,
and so are documents, layers and images that exceed the limits below.
"""

import hashlib
import json
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from leapline.errors import BundleError
from leapline.serving.image import blob_path, sha256

MAX_DOCUMENT_BYTES = 4 << 20
"""Maximum size of an index, manifest or config; registries accept 4 MiB."""
MAX_LAYER_BYTES = 512 << 20
"""Maximum uncompressed size of a layer; a scorer and a model take a few megabytes."""
MAX_IMAGE_BYTES = 1 << 30
"""Maximum compressed size of an image, all platforms together."""
MAX_LAYERS = 64
"""Maximum number of layers of an image, and of images in an index."""
DOCKER_MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
_INDEX_TYPES = ("image.index.v1+json", "manifest.list.v2+json")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Unpacked:
    """An unpacked image.

    Attributes:
        root: folder with the content of the layers.
        argv: entry point and command of the config.
        env: environment variables of the config.
        user: user of the config, e.g. `65532:65532`.
        labels: labels of the config.
    """

    root: Path
    argv: list[str]
    env: dict[str, str]
    user: str
    labels: dict[str, str]


def unpack(layout: Path, arch: str, into: Path) -> Unpacked:
    """Apply one architecture's layers to the folder `into`, which is replaced.

    Raises:
        BundleError: a blob is missing or damaged; the image lacks the architecture; a layer is too large, or contains
            anything but plain files and folders inside the root.
    """
    manifest = document(layout, manifest_digest(layout, arch))
    config = document(layout, manifest["config"]["digest"])
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    for layer, diff_id in _layers(manifest, config):
        for member, content in _members(layout, layer, diff_id):
            _write(member, content, into / member.name)
    process = config["config"]
    argv = [*(process.get("Entrypoint") or []), *(process.get("Cmd") or [])]
    env = dict(pair.split("=", 1) for pair in process.get("Env") or [])
    return Unpacked(into, argv, env, process.get("User", ""), process.get("Labels") or {})


def extract_file(layout: Path, name: str, target: Path) -> dict[str, str]:
    """Copy one file of an image to `target`, without writing or executing any other part of the image.

    Args:
        layout: the image. The first architecture is read, because all have the same model layer.
        name: name of the file in the image's root, e.g. `model.zip`.
        target: path to write it to.

    Returns:
        The image's labels.

    Raises:
        BundleError: the file is missing, or the image would be rejected by `unpack`.
    """
    entries = index(layout)["manifests"]
    if not entries:
        raise _invalid(f"image {layout}", "no manifest", "an image")
    manifest = document(layout, entries[0]["digest"])
    config = document(layout, _field(manifest, "config", "digest"))
    is_found = False
    for layer, diff_id in _layers(manifest, config):
        for member, content in _members(layout, layer, diff_id):
            if member.name == name and member.isreg():
                _write(member, content, target)
                is_found = True
    if not is_found:
        raise _invalid(f"image {layout}", f"no /{name}", "an image built by Leapline")
    return config.get("config", {}).get("Labels") or {}


def index(layout: Path) -> dict[str, Any]:
    """Return the image index.

    Raises:
        BundleError: the folder is not a layout.
    """
    path = layout / "index.json"
    try:
        content: dict[str, Any] = json.loads(_bounded(path, MAX_DOCUMENT_BYTES))
        if not isinstance(content["manifests"], list):
            raise TypeError("manifests is not a list")
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise _invalid(f"image layout {layout}", str(exc), "an OCI image layout with an index.json") from exc
    return content


def index_digest(layout: Path) -> str:
    """Return the digest of the image index, which identifies the image.

    Raises:
        BundleError: the folder is not a layout.
    """
    index(layout)
    return sha256((layout / "index.json").read_bytes())


def image_digest(layout: Path) -> str:
    """Return the digest that a tag of this image names: the index's, or the manifest's of an image in Docker's format.

    Raises:
        BundleError: the folder is not a layout.
    """
    return _field(index(layout)["manifests"][0], "digest") if is_docker_image(layout) else index_digest(layout)


def is_docker_image(layout: Path) -> bool:
    """Return whether the layout has an image for one platform in Docker's format (`leapline.serving.docker_image`).

    Raises:
        BundleError: the folder is not a layout.
    """
    return [_field(entry, "mediaType") for entry in index(layout)["manifests"]] == [DOCKER_MANIFEST_TYPE]


def manifest_digest(layout: Path, arch: str) -> str:
    """Return the digest of one architecture's manifest.

    Raises:
        BundleError: the image lacks this architecture.
    """
    digests = {_field(m, "platform", "architecture"): str(m["digest"]) for m in index(layout)["manifests"]}
    if arch not in digests:
        raise BundleError(
            f"image {layout}",
            found=f"architectures {', '.join(sorted(digests)) or 'none'}",
            expected=f"one for linux/{arch}",
            fix="Build the image with a scorer for this machine's architecture.",
        )
    return digests[arch]


def architectures(layout: Path) -> list[str]:
    """Return the architectures of an image, in the order of its index.

    Raises:
        BundleError: the folder is not a layout.
    """
    return [_field(entry, "platform", "architecture") for entry in index(layout)["manifests"]]


def read_blob(layout: Path, digest: str, limit: int = MAX_IMAGE_BYTES) -> bytes:
    """Return a blob after checking its digest.

    Raises:
        BundleError: the blob is missing, larger than `limit`, or has another digest.
    """
    path = _safe_blob_path(layout, digest)
    try:
        content = _bounded(path, limit)
    except OSError as exc:
        raise _invalid(f"image layout {layout}", f"no blob {digest}", "every blob named in its manifests") from exc
    if sha256(content) != digest:
        raise _invalid(f"blob {path}", sha256(content), digest)
    return content


def blobs(layout: Path) -> set[str]:
    """Return the digests of the image and of all blobs named in its manifests, after checking each blob.

    Raises:
        BundleError: a blob is missing or damaged.
    """
    digests = {image_digest(layout)}
    for entry in index(layout)["manifests"]:
        manifest = document(layout, entry["digest"])
        parts = {part["digest"] for part in [manifest["config"], *manifest["layers"]]}
        for digest in parts - digests:
            read_blob(layout, digest)
        digests |= parts | {entry["digest"]}
    return digests


def declared_bytes(manifest: dict[str, Any]) -> int:
    """Return the compressed size that a manifest declares for config and layers.

    Raises:
        BundleError: the document is not the manifest of one platform, or a size is missing.
    """
    try:
        return sum(int(part["size"]) for part in [manifest["config"], *manifest["layers"]])
    except (KeyError, TypeError, ValueError) as exc:
        raise _invalid("image manifest", f"no {exc}", "config and layers with their sizes") from exc


def is_index(document: dict[str, Any]) -> bool:
    """Return whether a descriptor or document is an index of several images."""
    return str(document.get("mediaType", "")).endswith(_INDEX_TYPES)


def document(layout: Path, digest: str) -> dict[str, Any]:
    """Return a manifest or config.

    Raises:
        BundleError: the blob is missing, too large, damaged or not a JSON object.
    """
    try:
        content: dict[str, Any] = json.loads(read_blob(layout, digest, MAX_DOCUMENT_BYTES))
        content.keys()
    except (ValueError, AttributeError) as exc:
        raise _invalid(f"blob {digest}", str(exc), "a JSON object") from exc
    return content


def _field(document: dict[str, Any], *names: str) -> str:
    value: Any = document
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return str(value)


def _layers(manifest: dict[str, Any], config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the digest and the diff id of each layer."""
    try:
        digests = [str(layer["digest"]) for layer in manifest["layers"]]
        diff_ids = [str(diff_id) for diff_id in config["rootfs"]["diff_ids"]]
    except (KeyError, TypeError) as exc:
        raise _invalid("image manifest", f"no {exc}", "layers and their diff ids") from exc
    if len(digests) != len(diff_ids) or len(digests) > MAX_LAYERS:
        raise _invalid("image manifest", f"{len(digests)} layers, {len(diff_ids)} diff ids", f"at most {MAX_LAYERS}")
    yield from zip(digests, diff_ids, strict=True)


def _members(layout: Path, digest: str, diff_id: str) -> Iterator[tuple[tarfile.TarInfo, BinaryIO | None]]:
    """Yield the entries of a layer with their content, after checking the layer's digest and diff id."""
    read_blob(layout, digest)
    blob_file = _safe_blob_path(layout, digest)
    with blob_file.open("rb") as blob:
        actual_id = _Gunzip(blob, digest).digest()
    if actual_id != diff_id:
        raise _invalid(f"layer {digest}", actual_id, diff_id)
    try:
        with blob_file.open("rb") as blob, tarfile.open(fileobj=_Gunzip(blob, digest), mode="r|") as tar:
            for member in tar:
                _require_plain(member, digest)
                yield member, tar.extractfile(member)  # type: ignore[misc]
    except tarfile.TarError as exc:
        raise _invalid(f"layer {digest}", str(exc), "a tar archive") from exc


def _require_plain(member: tarfile.TarInfo, digest: str) -> None:
    name = PurePosixPath(member.name)
    is_inside = not name.is_absolute() and ".." not in name.parts and name.parts and "\0" not in member.name
    is_whiteout = name.name.startswith(".wh.")
    if not is_inside or is_whiteout or not (member.isreg() or member.isdir()) or member.issparse():
        raise _invalid(f"layer {digest}", f"entry {member.name!r}", "plain files and folders inside the root")


class _Gunzip(RawIOBase):
    """A stream of a layer's uncompressed bytes, limited to `MAX_LAYER_BYTES`."""

    def __init__(self, blob: BinaryIO, name: str) -> None:
        self._blob, self._name = blob, name
        self._unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
        self._size = 0

    def digest(self) -> str:
        """Read to the end and return the digest of the uncompressed bytes."""
        digest = hashlib.sha256()
        while content := self.read(_CHUNK):
            digest.update(content)
        return "sha256:" + digest.hexdigest()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Return `size` bytes, or fewer at the end of the stream."""
        content = b""
        while len(content) < size and not self._unpacker.eof:
            content += self._more(min(size - len(content), _CHUNK))
        return content

    def _more(self, size: int) -> bytes:
        packed = self._unpacker.unconsumed_tail or self._blob.read(_CHUNK)
        try:
            content = self._unpacker.decompress(packed, size)
        except zlib.error as exc:
            raise _invalid(f"layer {self._name}", str(exc), "a gzip-compressed tar") from exc
        self._size += len(content)
        if self._size > MAX_LAYER_BYTES:
            raise _invalid(f"layer {self._name}", "too much content", f"at most {MAX_LAYER_BYTES} bytes")
        if not packed and not content and not self._unpacker.eof:
            raise _invalid(f"layer {self._name}", "a truncated gzip stream", "a gzip-compressed tar")
        return content


def _write(member: tarfile.TarInfo, content: BinaryIO | None, path: Path) -> None:
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        shutil.copyfileobj(content, out) if content else None
    path.chmod(member.mode & 0o777)


def _safe_blob_path(layout: Path, digest: str) -> Path:
    """Return a blob's path. Only SHA-256 in hexadecimal is accepted, because the digest becomes a file name."""
    algorithm, _, value = digest.partition(":")
    if algorithm != "sha256" or len(value) != 64 or set(value) - set("0123456789abcdef"):
        raise _invalid(f"image layout {layout}", f"digest {digest!r}", "sha256 and 64 hexadecimal digits")
    return blob_path(layout, digest)


def _bounded(path: Path, limit: int) -> bytes:
    size = path.stat().st_size
    if size > limit:
        raise _invalid(str(path), f"{size} bytes", f"at most {limit}")
    return path.read_bytes()


def _invalid(thing: str, found: str, expected: str) -> BundleError:
    return BundleError(thing, found=found, expected=expected, fix="Build or pull the image again.")
