"""The image: the same bytes every time, one layer a night, and readable by others."""

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
    given_ = {
        "model_id": "2026-03-01-0123456789ab",
        "labels": {LABEL + "revision": "abc"},
        "created": CREATED,
    } | changes
    return folder / "image", build(folder / "m.zip", scorers, folder / "image", **given_)


def test_same_input_same_bytes(tmp_path: Path) -> None:
    (one, info), (two, again) = make(tmp_path / "a"), make(tmp_path / "b")
    assert info == again
    assert {p.name: p.read_bytes() for p in one.rglob("*") if p.is_file()} == {
        p.name: p.read_bytes() for p in two.rglob("*") if p.is_file()
    }


def test_digests_are_those_of_the_blobs(tmp_path: Path) -> None:
    image, info = make(tmp_path)
    assert info.index_digest == "sha256:" + hashlib.sha256((image / "index.json").read_bytes()).hexdigest()
    files = {f"sha256:{p.name}" for p in (image / "blobs/sha256").iterdir()}
    assert layout.blobs(image) == files | {info.index_digest}
    assert {info.model_layer_digest, *info.manifests.values()} < files


def test_another_model_changes_the_model_layer_alone(tmp_path: Path) -> None:
    (one, info), (two, other) = make(tmp_path / "a"), make(tmp_path / "b", model=b"another")

    def layers(image: Path, arch: str) -> list[str]:
        manifest = json.loads(layout.read_blob(image, layout.manifest_digest(image, arch)))
        return [part["digest"] for part in manifest["layers"]]

    for arch in ("amd64", "arm64"):
        assert layers(one, arch)[0] == layers(two, arch)[0]
        assert layers(one, arch)[1:] == [info.model_layer_digest] != [other.model_layer_digest]
    assert layers(one, "amd64")[0] != layers(one, "arm64")[0]


def test_labels_on_index_manifest_and_config(tmp_path: Path) -> None:
    image, _ = make(tmp_path)
    wanted = {
        LABEL + "title": "leapline-scorer",
        LABEL + "version": "2026-03-01-0123456789ab",
        LABEL + "revision": "abc",
        LABEL + "created": "2026-03-02T00:00:00Z",
    }
    manifest = json.loads(layout.read_blob(image, layout.manifest_digest(image, "arm64")))
    config = json.loads(layout.read_blob(image, manifest["config"]["digest"]))
    assert layout.index(image)["annotations"] == manifest["annotations"] == config["config"]["Labels"] == wanted
    assert (config["architecture"], config["os"], config["created"]) == ("arm64", "linux", "2026-03-02T00:00:00Z")
    assert config["config"]["User"] == "65532:65532"
    assert config["config"]["Env"] == ["PORT=8080"]
    assert config["config"]["Entrypoint"] == ["/scorer", "serve", "/model.zip"]


def test_layers_hold_one_file_each_of_root_at_time_zero(tmp_path: Path) -> None:
    image, _ = make(tmp_path)
    manifest = json.loads(layout.read_blob(image, layout.manifest_digest(image, "amd64")))
    members = []
    for part in manifest["layers"]:
        with tarfile.open(blob_path(image, part["digest"]), "r:gz") as tar:
            members += [(m.name, m.mode, m.uid, m.gid, m.mtime, m.type) for m in tar]
    assert members == [("scorer", 0o755, 0, 0, 0, tarfile.REGTYPE), ("model.zip", 0o644, 0, 0, 0, tarfile.REGTYPE)]


@given(st.integers(0, 200_000), st.integers(0, 255))
def test_stored_gzip_is_gzip(size: int, byte: int) -> None:
    content = bytes([byte]) * size
    packed = gzip_stored(content)
    assert gzip.decompress(packed or b"") == content
    assert len(packed) <= size + 18 + 5 * (size // 65535 + 1)


def test_another_tool_finds_it_valid(tmp_path: Path, crane: Path, registry_address: str, repository: str) -> None:
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


def test_missing_parts_are_named(tmp_path: Path) -> None:
    (tmp_path / "m.zip").write_bytes(b"x")
    given_: dict[str, Any] = {"model_id": "m", "labels": {}, "created": CREATED}
    with pytest.raises(ToolMissingError, match="linux/arm64.*make setup"):
        build(tmp_path / "m.zip", {"arm64": tmp_path / "none"}, tmp_path / "out", **given_)
    with pytest.raises(BundleError, match=r"absent\.zip"):
        build(tmp_path / "absent.zip", {}, tmp_path / "out", **given_)
    assert not (tmp_path / "out").exists()
