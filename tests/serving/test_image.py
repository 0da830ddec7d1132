"""The image: reproducible bytes, one changed layer per model, and readable by other tools."""

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leapline.errors import BundleError, ToolMissingError
from leapline.serving import layout
from leapline.serving.image import LABEL, ImageInfo, blob_path, build, gzip_stored

CREATED = datetime(2026, 3, 2, tzinfo=UTC)


def make(folder: Path, model: bytes = b"model", scorer: bytes = b"scorer", **changes: Any) -> tuple[Path, ImageInfo]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "m.zip").write_bytes(model)
    for arch in ("amd64", "arm64"):
        (folder / arch).write_bytes(scorer + arch.encode())
    scorers = {arch: folder / arch for arch in ("arm64", "amd64")}
    arguments = {
        "model_id": "2026-03-01-0123456789ab",
        "labels": {LABEL + "revision": "abc"},
        "created": CREATED,
    } | changes
    return folder / "image", build(folder / "m.zip", scorers, folder / "image", **arguments)


def test_same_inputs_produce_same_bytes(tmp_path: Path) -> None:
    (image, info), (image_2, info_2) = make(tmp_path / "a"), make(tmp_path / "b")
    assert info == info_2
    assert {p.name: p.read_bytes() for p in image.rglob("*") if p.is_file()} == {
        p.name: p.read_bytes() for p in image_2.rglob("*") if p.is_file()
    }


def test_reported_digests_equal_blob_digests(tmp_path: Path) -> None:
    image, info = make(tmp_path)
    assert info.index_digest == "sha256:" + hashlib.sha256((image / "index.json").read_bytes()).hexdigest()
    files = {f"sha256:{p.name}" for p in (image / "blobs/sha256").iterdir()}
    assert layout.blobs(image) == files | {info.index_digest}
    assert {info.model_layer_digest, *info.manifests.values()} < files


def test_another_model_changes_only_the_model_layer(tmp_path: Path) -> None:
    (image_1, info_1), (image_2, info_2) = make(tmp_path / "a"), make(tmp_path / "b", model=b"another")

    def layers(image: Path, arch: str) -> list[str]:
        manifest = json.loads(layout.read_blob(image, layout.manifest_digest(image, arch)))
        return [part["digest"] for part in manifest["layers"]]

    for arch in ("amd64", "arm64"):
        assert layers(image_1, arch)[0] == layers(image_2, arch)[0]
        assert layers(image_1, arch)[1:] == [info_1.model_layer_digest] != [info_2.model_layer_digest]
    assert layers(image_1, "amd64")[0] != layers(image_1, "arm64")[0]


def test_signature_is_a_layer_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "model.sig").write_bytes(b"signature")
    (unsigned, info), (signed, signed_info) = (
        make(tmp_path / "a"), make(tmp_path / "b", signature=tmp_path / "model.sig"),
    )  # fmt: skip
    assert signed_info.model_layer_digest == info.model_layer_digest
    layout.extract_file(signed, "model.sig", tmp_path / "extracted")
    assert (tmp_path / "extracted").read_bytes() == b"signature"
    assert layout.blobs(unsigned) & layout.blobs(signed) >= {info.model_layer_digest}
    with pytest.raises(BundleError, match=r"no /model\.sig"):
        layout.extract_file(unsigned, "model.sig", tmp_path / "none")


def test_index_manifest_and_config_have_the_labels(tmp_path: Path) -> None:
    image, _ = make(tmp_path)
    labels = {
        LABEL + "title": "leapline-scorer",
        LABEL + "version": "2026-03-01-0123456789ab",
        LABEL + "revision": "abc",
        LABEL + "created": "2026-03-02T00:00:00Z",
    }
    manifest = json.loads(layout.read_blob(image, layout.manifest_digest(image, "arm64")))
    config = json.loads(layout.read_blob(image, manifest["config"]["digest"]))
    assert layout.index(image)["annotations"] == manifest["annotations"] == config["config"]["Labels"] == labels
    assert (config["architecture"], config["os"], config["created"]) == ("arm64", "linux", "2026-03-02T00:00:00Z")
    assert config["config"]["User"] == "65532:65532"
    assert config["config"]["Env"] == ["PORT=8080"]
    assert config["config"]["Entrypoint"] == ["/scorer", "serve", "/model.zip"]


def test_each_layer_contains_one_file_with_owner_and_time_zero(tmp_path: Path) -> None:
    image, _ = make(tmp_path)
    manifest = json.loads(layout.read_blob(image, layout.manifest_digest(image, "amd64")))
    members = []
    for part in manifest["layers"]:
        with tarfile.open(blob_path(image, part["digest"]), "r:gz") as tar:
            members += [(m.name, m.mode, m.uid, m.gid, m.mtime, m.type) for m in tar]
    assert members == [("scorer", 0o755, 0, 0, 0, tarfile.REGTYPE), ("model.zip", 0o644, 0, 0, 0, tarfile.REGTYPE)]


@given(st.integers(0, 200_000), st.integers(0, 255))
def test_stored_gzip_decompresses_to_its_content(size: int, byte: int) -> None:
    content = bytes([byte]) * size
    packed = gzip_stored(content)
    assert gzip.decompress(packed or b"") == content
    assert len(packed) <= size + 18 + 5 * (size // 65535 + 1)


def test_crane_validates_and_exports_image(tmp_path: Path, crane: Path, registry_address: str, repository: str) -> None:
    """`crane validate` checks diff ids, sizes, media types and digests."""
    image, info = make(tmp_path)
    target = f"{registry_address}/{repository}:valid"
    subprocess.run([crane, "push", "--index", image, target], check=True, capture_output=True)
    done = subprocess.run([crane, "validate", "--remote", target], check=True, capture_output=True, text=True)
    assert "PASS" in done.stdout + done.stderr
    exported = subprocess.run(
        [crane, "export", "--platform", "linux/arm64", f"{registry_address}/{repository}@{info.index_digest}", "-"],
        check=True, capture_output=True,
    )  # fmt: skip
    with tarfile.open(fileobj=io.BytesIO(exported.stdout)) as tar:
        assert sorted(tar.getnames()) == ["model.zip", "scorer"]


def test_error_names_missing_archive_or_scorer(tmp_path: Path) -> None:
    (tmp_path / "m.zip").write_bytes(b"x")
    arguments: dict[str, Any] = {"model_id": "m", "labels": {}, "created": CREATED}
    with pytest.raises(ToolMissingError, match="linux/arm64.*make setup"):
        build(tmp_path / "m.zip", {"arm64": tmp_path / "none"}, tmp_path / "out", **arguments)
    with pytest.raises(BundleError, match=r"absent\.zip"):
        build(tmp_path / "absent.zip", {}, tmp_path / "out", **arguments)
    assert not (tmp_path / "out").exists()
