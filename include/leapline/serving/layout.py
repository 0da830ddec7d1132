"""Reading an OCI image layout back: every digest checked, layers applied to a folder without ever leaving it."""

import io
import json
import shutil
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from leapline.errors import BundleError
from leapline.serving.image import blob_path, sha256

MAX_LAYER_BYTES = 1 << 30
"""A layer that unpacks to more than this is refused: a scorer and a model are some megabytes."""


@dataclass(frozen=True)
class Unpacked:
    """An image's content on disk, and how its config says to start it."""

    root: Path
    argv: list[str]
    env: dict[str, str]
    user: str
    labels: dict[str, str]


def unpack(layout: Path, arch: str, into: Path) -> Unpacked:
    """Apply one architecture's layers to the folder `into` (replaced if it is there).

    Raises:
        BundleError: a blob is missing or is not what its digest says; no such architecture; a layer holds anything but
            plain files and folders inside the root, or unpacks to too much.
    """
    manifest = json.loads(read_blob(layout, manifest_digest(layout, arch)))
    config = json.loads(read_blob(layout, manifest["config"]["digest"]))
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    for layer, diff_id in zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True):
        tar = _gunzip(layer["digest"], read_blob(layout, layer["digest"]))
        if sha256(tar) != diff_id:
            raise _damaged(f"layer {layer['digest']}", sha256(tar), diff_id)
        _apply(tar, into, layer["digest"])
    run = config["config"]
    argv = [*(run.get("Entrypoint") or []), *(run.get("Cmd") or [])]
    env = dict(pair.split("=", 1) for pair in run.get("Env") or [])
    return Unpacked(into, argv, env, run.get("User", ""), run.get("Labels") or {})


def index(layout: Path) -> dict[str, Any]:
    """The image index.

    Raises:
        BundleError: the folder is not a layout.
    """
    path = layout / "index.json"
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise _damaged(f"image layout {layout}", str(exc), "an OCI image layout with an index.json") from exc
    return content


def index_digest(layout: Path) -> str:
    """The image's digest.

    Raises:
        BundleError: the folder is not a layout.
    """
    index(layout)
    return sha256((layout / "index.json").read_bytes())


def manifest_digest(layout: Path, arch: str) -> str:
    """Digest of one architecture's manifest.

    Raises:
        BundleError: the image has none for it.
    """
    found = {m["platform"]["architecture"]: str(m["digest"]) for m in index(layout)["manifests"]}
    if arch not in found:
        raise BundleError(
            f"image {layout}",
            found=f"architectures {', '.join(sorted(found)) or 'none'}",
            expected=f"one for linux/{arch}",
            fix="Build the image with a scorer for this machine's architecture.",
        )
    return found[arch]


def read_blob(layout: Path, digest: str) -> bytes:
    """A blob, checked.

    Raises:
        BundleError: missing, or not what the digest says.
    """
    path = blob_path(layout, digest)
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise _damaged(f"image layout {layout}", f"no blob {digest}", "every blob that its manifests name") from exc
    if sha256(content) != digest:
        raise _damaged(f"blob {path}", sha256(content), digest)
    return content


def blobs(layout: Path) -> set[str]:
    """Digests of all blobs that the image's manifests name, each read and checked, and the index's own.

    Raises:
        BundleError: one is missing or damaged.
    """
    found = {index_digest(layout)}
    for entry in index(layout)["manifests"]:
        manifest = json.loads(read_blob(layout, entry["digest"]))
        parts = {part["digest"] for part in [manifest["config"], *manifest["layers"]]}
        for digest in parts - found:
            read_blob(layout, digest)
        found |= parts | {entry["digest"]}
    return found


def _gunzip(digest: str, content: bytes) -> bytes:
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        tar = unpacker.decompress(content, MAX_LAYER_BYTES)
    except zlib.error as exc:
        raise _damaged(f"layer {digest}", str(exc), "a gzip-compressed tar") from exc
    if not unpacker.eof:
        raise _damaged(f"layer {digest}", "a cut gzip stream or too much content", f"at most {MAX_LAYER_BYTES} bytes")
    return tar


def _apply(tar: bytes, root: Path, digest: str) -> None:
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        for member in archive:
            name = PurePosixPath(member.name)
            inside = not name.is_absolute() and ".." not in name.parts and name.parts
            if not inside or not (member.isreg() or member.isdir()):
                raise _damaged(f"layer {digest}", f"entry {member.name!r}", "plain files and folders inside the root")
            _write(archive, member, root / name)


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    source = archive.extractfile(member)
    path.write_bytes(source.read() if source else b"")
    path.chmod(member.mode & 0o777)


def _damaged(thing: str, found: str, expected: str) -> BundleError:
    return BundleError(thing, found=found, expected=expected, fix="Build or pull the image again.")
