"""Image layouts are read completely, and hostile ones are rejected without writing outside the folder."""

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from leapline.errors import BundleError
from leapline.serving import layout
from leapline.serving.image import add_blob, sha256
from tests.serving.conftest import MakeImage


def hostile(folder: Path, member: tarfile.TarInfo, content: bytes = b"x", **config: Any) -> Path:
    """Write a layout with one layer that contains only this entry; all digests are correct."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        member.size = len(content) if member.isreg() else 0
        tar.addfile(member, io.BytesIO(content))
    return layout_of_layer(folder, raw.getvalue(), gzip.compress(raw.getvalue()), **config)


def layout_of_layer(folder: Path, tar: bytes, packed: bytes, diff_id: str = "") -> Path:
    (folder / "blobs/sha256").mkdir(parents=True)
    diff_ids = [diff_id or sha256(tar)]
    config = add_blob(folder, json.dumps({"config": {}, "rootfs": {"diff_ids": diff_ids}}).encode(), "config")
    manifest = add_blob(
        folder, json.dumps({"config": config, "layers": [add_blob(folder, packed, "tar")]}).encode(), "m"
    )
    index = {"manifests": [manifest | {"platform": {"architecture": "amd64", "os": "linux"}}]}
    (folder / "index.json").write_text(json.dumps(index))
    return folder


def test_unpacks_files_with_modes_and_command(make_image: MakeImage, tmp_path: Path) -> None:
    image = layout.unpack(make_image("the model"), "arm64", tmp_path / "root")
    assert (image.root / "model.zip").read_text() == "the model"
    assert (image.root / "scorer").stat().st_mode & 0o777 == 0o755
    assert image.argv == ["/scorer", "serve", "/model.zip"]
    assert image.user == "65532:65532"
    assert sorted(p.name for p in image.root.iterdir()) == ["model.zip", "scorer"]


@pytest.mark.parametrize("name", ["../escape", "/etc/escape", "a/../../escape", ".."])
def test_path_outside_the_root_is_rejected(tmp_path: Path, name: str) -> None:
    image = hostile(tmp_path / "image", tarfile.TarInfo(name))
    with pytest.raises(BundleError, match="inside the root"):
        layout.unpack(image, "amd64", tmp_path / "in" / "root")
    assert not list(tmp_path.rglob("escape"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_rejected(tmp_path: Path, kind: bytes) -> None:
    member = tarfile.TarInfo("entry")
    member.type, member.linkname = kind, "/etc/passwd"
    with pytest.raises(BundleError, match="plain files"):
        layout.unpack(hostile(tmp_path / "image", member), "amd64", tmp_path / "root")


def test_set_user_id_bit_is_removed(tmp_path: Path) -> None:
    member = tarfile.TarInfo("scorer")
    member.mode = 0o4755
    layout.unpack(hostile(tmp_path / "image", member), "amd64", tmp_path / "root")
    assert (tmp_path / "root" / "scorer").stat().st_mode & 0o7777 == 0o755


def test_layer_exceeding_the_limit_when_uncompressed_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "MAX_LAYER_BYTES", 1 << 20)
    image = hostile(tmp_path / "image", tarfile.TarInfo("big"), b"\0" * (2 << 20))
    with pytest.raises(BundleError, match="too much"):
        layout.unpack(image, "amd64", tmp_path / "root")


def test_damaged_layer_is_rejected(tmp_path: Path) -> None:
    for name, packed in {"cut": gzip.compress(b"tar" * 999)[:-9], "text": b"no gzip"}.items():
        with pytest.raises(BundleError, match="gzip"):
            layout.unpack(layout_of_layer(tmp_path / name, b"tar" * 999, packed), "amd64", tmp_path / "root")
    with pytest.raises(BundleError, match="sha256:0"):
        layout.unpack(
            layout_of_layer(tmp_path / "d", b"t", gzip.compress(b"t"), "sha256:0"), "amd64", tmp_path / "root"
        )


def test_changed_blob_is_detected(make_image: MakeImage, tmp_path: Path) -> None:
    image = make_image()
    blob = max((image / "blobs/sha256").iterdir(), key=lambda p: p.stat().st_size)
    blob.write_bytes(blob.read_bytes()[:-1] + b"?")
    with pytest.raises(BundleError, match=blob.name):
        layout.blobs(image)
    blob.unlink()
    with pytest.raises(BundleError, match=f"no blob sha256:{blob.name}"):
        layout.blobs(image)


def test_error_names_missing_architecture_or_layout(make_image: MakeImage, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="amd64, arm64.*linux/s390x"):
        layout.unpack(make_image(), "s390x", tmp_path / "root")
    with pytest.raises(BundleError, match="an OCI image layout"):
        layout.index(tmp_path)


def test_extracts_only_the_archive(make_image: MakeImage, tmp_path: Path) -> None:
    labels = layout.extract_file(make_image("the model"), "model.zip", tmp_path / "out" / "champion.zip")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["champion.zip"]
    assert (tmp_path / "out" / "champion.zip").read_text() == "the model"
    assert labels["org.opencontainers.image.title"] == "leapline-scorer"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../model.zip", tarfile.REGTYPE),
        ("/model.zip", tarfile.REGTYPE),
        (".wh.model.zip", tarfile.REGTYPE),
        ("model.zip", tarfile.SYMTYPE),
        ("model.zip", tarfile.LNKTYPE),
        ("model.zip", tarfile.BLKTYPE),
        ("model.zip", tarfile.GNUTYPE_SPARSE),
        ("other.zip", tarfile.REGTYPE),
    ],
)
def test_hostile_layer_is_rejected_without_writing_files(tmp_path: Path, name: str, kind: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "/etc/passwd"
    with pytest.raises(BundleError):
        layout.extract_file(hostile(tmp_path / "image", member), "model.zip", tmp_path / "out" / "model.zip")
    assert not (tmp_path / "out" / "model.zip").exists()
    assert not (tmp_path / "model.zip").exists()


@pytest.mark.parametrize("digest", ["sha256:../../../../etc/passwd", "md5:0", "sha256:" + "A" * 64])
def test_malformed_digest_is_rejected(tmp_path: Path, digest: str) -> None:
    (tmp_path / "index.json").write_text(json.dumps({"manifests": [{"digest": digest}]}))
    with pytest.raises(BundleError, match="hexadecimal digits"):
        layout.extract_file(tmp_path, "model.zip", tmp_path / "out")


def test_oversized_document_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = hostile(tmp_path / "image", tarfile.TarInfo("model.zip"))
    monkeypatch.setattr(layout, "MAX_DOCUMENT_BYTES", 10)
    with pytest.raises(BundleError, match="at most 10"):
        layout.extract_file(image, "model.zip", tmp_path / "out")
