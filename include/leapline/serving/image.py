"""Build the scoring image as an OCI image layout from a model archive and the scorers, without a daemon.

    index.json                  the image index itself (amd64, arm64); its SHA-256 is the image's digest
    oci-layout
    blobs/sha256/...            manifest, config and scorer layer of each architecture; one model layer for all, and
                                one layer with the model's signature if it is signed

The same archive, scorers and labels produce the same bytes: tar entries have owner 0:0 and time 0, JSON keys are
sorted, and `created` is the end of the data day. The scorer layer is deflated at a fixed level and changes only with
the code. The model layer changes with every run, and its zip is already compressed, so it is gzip of *stored* blocks:
every runtime supports this media type, compression takes no time, and the bytes do not depend on the zlib version.

Sources: OCI image spec 1.1 (image-layout, image-index, manifest, config, annotations); RFC 1951 3.2.4; RFC 1952.
"""

import hashlib
import io
import json
import shutil
import struct
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from leapline.errors import BundleError, ToolMissingError
from leapline.signing.model_signature import FILE as SIGNATURE

LABEL = "org.opencontainers.image."
ENTRYPOINT = ["/scorer", "serve", "/model.zip"]
USER = "65532:65532"
PORT = "8080/tcp"
ENV = ["PORT=8080"]  # Makes the scorer listen on all addresses instead of loopback only. Cloud Run sets its own value.
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
_STORED_BLOCK = 65535
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"  # deflate, no name, time 0, unknown system


@dataclass(frozen=True)
class ImageInfo:
    """Digests and sizes of an image that was built.

    Attributes:
        index_digest: digest of the image index, `sha256:...`; the tags point to it.
        manifests: manifest digest of each architecture.
        size_bytes: compressed size of each architecture's layers and config, which is what a host pulls.
        model_layer_digest: digest of the only layer that changes from model to model.
    """

    index_digest: str
    manifests: dict[str, str]
    size_bytes: dict[str, int]
    model_layer_digest: str


@dataclass(frozen=True)
class _Layer:
    diff_id: str
    descriptor: dict[str, Any]


def build(
    archive: Path,
    scorers: Mapping[str, Path],
    out: Path,
    *,
    model_id: str,
    labels: Mapping[str, str],
    created: datetime,
    signature: Path | None = None,
) -> ImageInfo:
    """Write the image layout to `out`, which is replaced.

    Args:
        archive: the model archive, a zip file.
        scorers: static Linux binary of each architecture, e.g. `{"amd64": ..., "arm64": ...}`.
        out: folder for the layout.
        model_id: value of the label `org.opencontainers.image.version`.
        labels: further labels by full name (`LABEL + "revision"`, `"source"`, `"licenses"`, ...).
        created: end of the data day, with a time zone; never the current time.
        signature: the archive's signature, which becomes `/model.sig`; None for an unsigned archive.

    Returns:
        Digests and sizes of the image.

    Raises:
        BundleError: there is no archive.
        ToolMissingError: a scorer binary is missing.
    """
    _must_exist(archive, scorers)
    shutil.rmtree(out, ignore_errors=True)
    (out / "blobs" / "sha256").mkdir(parents=True)
    stamp = created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    texts = {LABEL + "title": "leapline-scorer", **labels, LABEL + "version": model_id, LABEL + "created": stamp}
    model = [_add_layer(out, "model.zip", archive, 0o644, gzip_stored)]
    model += [_add_layer(out, SIGNATURE, signature, 0o644, gzip_stored)] if signature else []
    entries, sizes = [], {}
    for arch, binary in sorted(scorers.items()):
        scorer = _add_layer(out, "scorer", binary, 0o755, _gzip)
        entry, sizes[arch] = _add_manifest(out, arch, [scorer, *model], texts, stamp)
        entries.append(entry)
    index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries, "annotations": texts}
    digest = write_layout(out, index)
    manifests = {e["platform"]["architecture"]: e["digest"] for e in entries}
    return ImageInfo(digest, manifests, sizes, model[0].descriptor["digest"])


def sha256(content: bytes) -> str:
    """Return the SHA-256 digest of `content` in OCI's notation, `sha256:...`."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _must_exist(archive: Path, scorers: Mapping[str, Path]) -> None:
    if not archive.is_file():
        raise BundleError(
            f"archive {archive}",
            found="no file",
            expected="a model archive",
            fix="Write the archive before building the image.",
        )
    for arch, binary in scorers.items():
        if not binary.is_file():
            raise ToolMissingError(
                f"scorer for linux/{arch}", found=f"no {binary}", expected="a static binary", fix="Run `make setup`."
            )


def _add_layer(out: Path, name: str, content: Path, mode: int, compress: Any) -> _Layer:
    tar = _tar(name, content.read_bytes(), mode)
    return _Layer(sha256(tar), add_blob(out, compress(tar), LAYER_TYPE))


def _add_manifest(
    out: Path, arch: str, layers: list[_Layer], texts: dict[str, str], stamp: str
) -> tuple[dict[str, Any], int]:
    config = add_blob(
        out, canonical_json(_config(arch, [layer.diff_id for layer in layers], texts, stamp)), CONFIG_TYPE
    )
    parts = [layer.descriptor for layer in layers]
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": parts, "annotations": texts}
    entry = add_blob(out, canonical_json(manifest), MANIFEST_TYPE) | {"platform": {"architecture": arch, "os": "linux"}}
    return entry, sum(part["size"] for part in [config, *parts])


def _config(arch: str, diff_ids: list[str], labels: dict[str, str], stamp: str) -> dict[str, Any]:
    return {
        "architecture": arch,
        "os": "linux",
        "created": stamp,
        "config": {
            "User": USER,
            "Entrypoint": ENTRYPOINT,
            "Env": ENV,
            "ExposedPorts": {PORT: {}},
            "WorkingDir": "/",
            "Labels": labels,
        },
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    }


def write_layout(out: Path, index: dict[str, Any]) -> str:
    """Write the files of a layout next to its blobs; return the digest of its index."""
    content = canonical_json(index)
    (out / "index.json").write_bytes(content)
    (out / "oci-layout").write_bytes(canonical_json({"imageLayoutVersion": "1.0.0"}))
    return sha256(content)


def add_blob(out: Path, content: bytes, media_type: str) -> dict[str, Any]:
    """Write a blob to the layout `out` and return its OCI descriptor."""
    digest = sha256(content)
    blob_path(out, digest).write_bytes(content)
    return {"mediaType": media_type, "digest": digest, "size": len(content)}


def blob_path(layout: Path, digest: str) -> Path:
    """Return the path of a blob in a layout."""
    return layout / "blobs" / "sha256" / digest.removeprefix("sha256:")


def _tar(name: str, content: bytes, mode: int) -> bytes:
    """Return a tar archive with one file."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), mode
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


@lru_cache(maxsize=2)  # a process that builds several images compresses the scorer of each platform once
def _gzip(content: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    return _GZIP_HEADER + packer.compress(content) + packer.flush() + _gzip_trailer(content)


def gzip_stored(content: bytes) -> bytes:
    """Return a gzip stream without compression: stored blocks of at most 65,535 bytes."""
    return _GZIP_HEADER + b"".join(_stored_blocks(content)) + _gzip_trailer(content)


def _stored_blocks(content: bytes) -> Iterator[bytes]:
    for start in range(0, max(len(content), 1), _STORED_BLOCK):
        block = content[start : start + _STORED_BLOCK]
        last = start + _STORED_BLOCK >= len(content)
        yield struct.pack("<BHH", last, len(block), len(block) ^ 0xFFFF)
        yield block


def _gzip_trailer(content: bytes) -> bytes:
    return struct.pack("<II", zlib.crc32(content), len(content) & 0xFFFFFFFF)


def canonical_json(value: Any) -> bytes:
    """Return JSON with sorted keys and without blanks, so that equal content has equal bytes and digests."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
