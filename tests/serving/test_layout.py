"""Unpacking: right for good images, and never outside the folder for bad ones."""

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from leapline.errors import BundleError
from leapline.serving import layout
from leapline.serving.image import _add_blob, sha256
from tests.serving.conftest import MakeImage


def hostile(folder: Path, member: tarfile.TarInfo, content: bytes = b"x", **config: Any) -> Path:
    """A layout whose one layer holds that entry; every digest is right."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        member.size = len(content) if member.isreg() else 0
        tar.addfile(member, io.BytesIO(content))
    return of_layer(folder, raw.getvalue(), gzip.compress(raw.getvalue()), **config)


def of_layer(folder: Path, tar: bytes, packed: bytes, diff_id: str = "") -> Path:
    (folder / "blobs/sha256").mkdir(parents=True)
    diff_ids = [diff_id or sha256(tar)]
    config = _add_blob(folder, json.dumps({"config": {}, "rootfs": {"diff_ids": diff_ids}}).encode(), "config")
    manifest = _add_blob(
        folder, json.dumps({"config": config, "layers": [_add_blob(folder, packed, "tar")]}).encode(), "m"
    )
    index = {"manifests": [manifest | {"platform": {"architecture": "amd64", "os": "linux"}}]}
    (folder / "index.json").write_text(json.dumps(index))
    return folder


def test_unpacks_files_modes_and_command(make_image: MakeImage, tmp_path: Path) -> None:
    image = layout.unpack(make_image("the model"), "arm64", tmp_path / "root")
    assert (image.root / "model.zip").read_text() == "the model"
    assert (image.root / "scorer").stat().st_mode & 0o777 == 0o755
    assert image.argv == ["/scorer", "serve", "/model.zip"]
    assert image.user == "65532:65532"
    assert sorted(p.name for p in image.root.iterdir()) == ["model.zip", "scorer"]


@pytest.mark.parametrize("name", ["../escape", "/etc/escape", "a/../../escape", ".."])
def test_no_path_leaves_the_root(tmp_path: Path, name: str) -> None:
    image = hostile(tmp_path / "image", tarfile.TarInfo(name))
    with pytest.raises(BundleError, match="inside the root"):
        layout.unpack(image, "amd64", tmp_path / "in" / "root")
    assert not list(tmp_path.rglob("escape"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_nothing_but_files_and_folders(tmp_path: Path, kind: bytes) -> None:
    member = tarfile.TarInfo("entry")
    member.type, member.linkname = kind, "/etc/passwd"
    with pytest.raises(BundleError, match="plain files"):
        layout.unpack(hostile(tmp_path / "image", member), "amd64", tmp_path / "root")


def test_set_user_id_is_not_kept(tmp_path: Path) -> None:
    member = tarfile.TarInfo("scorer")
    member.mode = 0o4755
    layout.unpack(hostile(tmp_path / "image", member), "amd64", tmp_path / "root")
    assert (tmp_path / "root" / "scorer").stat().st_mode & 0o7777 == 0o755


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "MAX_LAYER_BYTES", 1 << 20)
    image = hostile(tmp_path / "image", tarfile.TarInfo("big"), b"\0" * (2 << 20))
    with pytest.raises(BundleError, match="too much"):
        layout.unpack(image, "amd64", tmp_path / "root")


def test_a_layer_that_is_cut_or_no_gzip_or_other_than_its_diff_id(tmp_path: Path) -> None:
    for name, packed in {"cut": gzip.compress(b"tar" * 999)[:-9], "text": b"no gzip"}.items():
        with pytest.raises(BundleError, match="gzip"):
            layout.unpack(of_layer(tmp_path / name, b"tar" * 999, packed), "amd64", tmp_path / "root")
    with pytest.raises(BundleError, match="sha256:0"):
        layout.unpack(of_layer(tmp_path / "d", b"t", gzip.compress(b"t"), "sha256:0"), "amd64", tmp_path / "root")


def test_a_changed_blob_is_found(make_image: MakeImage, tmp_path: Path) -> None:
    image = make_image()
    blob = max((image / "blobs/sha256").iterdir(), key=lambda p: p.stat().st_size)
    blob.write_bytes(blob.read_bytes()[:-1] + b"?")
    with pytest.raises(BundleError, match=blob.name):
        layout.blobs(image)
    blob.unlink()
    with pytest.raises(BundleError, match=f"no blob sha256:{blob.name}"):
        layout.blobs(image)


def test_unknown_architecture_and_no_layout(make_image: MakeImage, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="amd64, arm64.*linux/s390x"):
        layout.unpack(make_image(), "s390x", tmp_path / "root")
    with pytest.raises(BundleError, match="an OCI image layout"):
        layout.index(tmp_path)
