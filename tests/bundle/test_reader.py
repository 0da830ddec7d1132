"""Damaged and malicious archives raise one BundleError that names the entry, in bounded time."""

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leapline.bundle import archive, read
from leapline.bundle.archive import pack
from leapline.errors import BundleError

Entries = dict[str, bytes]


@pytest.fixture(scope="module")
def entries(goldens: Path) -> Callable[[str, str], Entries]:
    def of(case: str, ending: str = "json") -> Entries:
        return archive.read_entries(goldens / case / f"bundle.{ending}.zip")

    return of


def _assert_rejected(tmp_path: Path, content: Entries | bytes, match: str) -> None:
    path = tmp_path / "m.zip"
    path.write_bytes(content if isinstance(content, bytes) else pack(content))
    with pytest.raises(BundleError, match=match):
        read(path)


def _only(entries: Entries, part: str) -> str:
    return next(name for name in entries if part in name)


def test_rejects_file_that_is_not_a_zip(tmp_path: Path) -> None:
    _assert_rejected(tmp_path, b"", "zip directory")
    _assert_rejected(tmp_path, b"PK\x03\x04 but no more", "zip directory")
    with pytest.raises(BundleError, match="No such file"):
        read(tmp_path / "absent.zip")
    assert not (tmp_path / "absent.zip").exists()


def test_names_missing_entry(entries: Callable[..., Entries], tmp_path: Path) -> None:
    for name in entries("rf_mixed"):
        remaining = {k: v for k, v in entries("rf_mixed").items() if k != name}
        _assert_rejected(tmp_path, remaining, f"entry {name}.*missing")


@pytest.mark.parametrize("ending", ["json", "pb"])
@pytest.mark.parametrize("case", ["rf_imputer", "bisecting_kmeans", "gaussian_mixture"])
def test_names_truncated_file(case: str, ending: str, entries: Callable[..., Entries], tmp_path: Path) -> None:
    complete = entries(case, ending)
    # A protobuf message truncated between two fields is still valid, so truncate only files where this is an error.
    for name in [n for n in complete if n.endswith((".json", "tree.pb"))]:
        if "/tree1" not in name:
            _assert_rejected(
                tmp_path, complete | {name: complete[name][: len(complete[name]) * 2 // 3]}, f"entry {name}"
            )


def test_rejects_names_that_point_outside_the_archive(entries: Callable[..., Entries], tmp_path: Path) -> None:
    for name in ("../evil", "/etc/passwd", "a/../../b", "c:\\x", "a//b", "./a"):
        _assert_rejected(tmp_path, entries("kmeans") | {name: b"x"}, "points outside the archive")


def test_rejects_unsafe_child_names(entries: Callable[..., Entries], tmp_path: Path) -> None:
    for nodes in ('["../../x"]', '["a", "a"]', '["a/b"]', '[""]'):
        root = b'{"op":"pipeline","attributes":{"nodes":{"type":"list","string":%s}}}' % nodes.encode()
        _assert_rejected(tmp_path, entries("kmeans") | {"root/model.json": root}, "unsafe or duplicate")


def test_rejects_zip_bombs(entries: Callable[..., Entries], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _assert_rejected(tmp_path, entries("kmeans") | {"notes/bomb": bytes(20 << 20)}, "entry notes/bomb.*decompress to")
    complete = entries("kmeans")
    for limit, match in (
        ("MAX_ENTRIES", "the limit is 5"),
        ("MAX_BYTES", "bytes uncompressed"),
        ("MAX_ARCHIVE", "the limit is 5"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(archive, limit, 5)
            _assert_rejected(tmp_path, complete, match)


def test_rejects_wrong_size_in_zip_directory(entries: Callable[..., Entries], tmp_path: Path) -> None:
    data = bytearray(pack(entries("kmeans")))
    at = data.rfind(b"PK\x01\x02")
    struct.pack_into("<I", data, at + 24, 3)
    _assert_rejected(tmp_path, bytes(data), "entry root/node.json")


def test_rejects_duplicate_entry_names(entries: Callable[..., Entries], tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive_file, pytest.warns(UserWarning):
        for name, data in [*entries("kmeans").items(), ("bundle.json", b"{}")]:
            archive_file.writestr(name, data)
    _assert_rejected(tmp_path, out.getvalue(), "bundle.json.*duplicate")


def test_rejects_attributes_of_wrong_type(entries: Callable[..., Entries], tmp_path: Path) -> None:
    complete = entries("rf_mixed")
    model = _only(complete, "Forest") if "Forest" in "".join(complete) else ""
    model = model.split("/")[1]
    name = f"root/{model}/model.json"
    text = complete[name].decode()
    for old, new, match in (
        ('"long": 13', '"int": 13', "num_features: expected long, got int"),
        ('"num_classes"', '"n"', "missing attribute num_classes"),
        ('"type": "list"', '"type": "heap"', "unknown value type 'heap'"),
        ('"long": 13', '"long": 1e3', "expected an integer"),
        ('"long": 13', '"long": 99999999999999999999', "outside the range of long"),
    ):
        assert old in text
        _assert_rejected(tmp_path, complete | {name: text.replace(old, new).encode()}, match)


def test_rejects_incomplete_trees_and_trailing_records(entries: Callable[..., Entries], tmp_path: Path) -> None:
    complete = entries("tree_classifier")
    name = _only(complete, "tree.json")
    leaf = b'{"type":"leaf","values":[1.0,2.0]}\n'
    split = b'{"type":"internal","split":{"type":"continuous","featureIndex":0,"threshold":0.5}}\n'
    for tree, match in (
        (complete[name] + leaf, "1 records remain"),
        (split + leaf, "truncated after 2 records"),
        (b"", "truncated after 0"),
        (split * 100 + leaf * 101, "deeper than 64"),
        (b"[]\n", "expected an object for tree record"),
        (b'{"type":"leaf","values":3}\n', "malformed"),
        (split.replace(b"0,", b"-1,") + leaf * 2, "negative feature index -1"),
    ):
        _assert_rejected(tmp_path, complete | {name: tree}, match)


def test_rejects_invalid_record_lengths(entries: Callable[..., Entries], tmp_path: Path) -> None:
    complete = entries("tree_classifier", "pb")
    name = _only(complete, "tree.pb")
    for head in (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x00"):
        _assert_rejected(tmp_path, complete | {name: head + complete[name]}, f"entry {name}")


def test_limits_nesting_of_pipelines(tmp_path: Path) -> None:
    info = b'{"uid":"6c2c296d-33d5-4d72-9154-f77b08da4955","name":"a","format":"json","version":"","timestamp":""}'
    model = b'{"op":"pipeline","attributes":{"nodes":{"type":"list","string":["a"]}}}'
    node = b'{"name":"a","shape":{"inputs":[],"outputs":[]}}'
    content, folder = {"bundle.json": info}, "root"
    for _ in range(30):
        content |= {f"{folder}/model.json": model, f"{folder}/node.json": node}
        folder += "/a.node"
    _assert_rejected(tmp_path, content, "pipelines nested deeper")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_corrupt_bundle_is_read_or_raises_bundle_error(
    data: st.DataObject, entries: Callable[..., Entries], tmp_path: Path
) -> None:
    case = data.draw(st.sampled_from(["naive_bayes", "tree_classifier", "bisecting_kmeans", "bucketizer_logistic"]))
    complete = entries(case, data.draw(st.sampled_from(["json", "pb"])))
    name = data.draw(st.sampled_from(sorted(complete)))
    body = bytearray(complete[name])
    at = data.draw(st.integers(0, len(body) - 1))
    body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    path = tmp_path / "m.zip"
    path.write_bytes(pack(complete | {name: bytes(body)}))
    try:
        read(path)
    except BundleError as exc:
        assert "entry " in str(exc)
