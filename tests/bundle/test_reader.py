"""Damaged and hostile archives: one BundleError that names the entry, in bounded time."""

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


def _refused(tmp_path: Path, content: Entries | bytes, match: str) -> None:
    path = tmp_path / "m.zip"
    path.write_bytes(content if isinstance(content, bytes) else pack(content))
    with pytest.raises(BundleError, match=match):
        read(path)


def _only(entries: Entries, part: str) -> str:
    return next(name for name in entries if part in name)


def test_what_is_no_zip(tmp_path: Path) -> None:
    _refused(tmp_path, b"", "zip directory")
    _refused(tmp_path, b"PK\x03\x04 but no more", "zip directory")
    with pytest.raises(BundleError, match="No such file"):
        read(tmp_path / "absent.zip")
    assert not (tmp_path / "absent.zip").exists()


def test_missing_entries_are_named(entries: Callable[..., Entries], tmp_path: Path) -> None:
    for name in entries("rf_mixed"):
        rest = {k: v for k, v in entries("rf_mixed").items() if k != name}
        _refused(tmp_path, rest, f"entry {name}.*no such entry")


@pytest.mark.parametrize("ending", ["json", "pb"])
@pytest.mark.parametrize("case", ["rf_imputer", "bisecting_kmeans", "gaussian_mixture"])
def test_cut_files_are_named(case: str, ending: str, entries: Callable[..., Entries], tmp_path: Path) -> None:
    whole = entries(case, ending)
    # A protobuf message cut between two fields is a message still, so ask for it only where one byte must be missing.
    for name in [n for n in whole if n.endswith((".json", "tree.pb"))]:
        if "/tree1" not in name:
            _refused(tmp_path, whole | {name: whole[name][: len(whole[name]) * 2 // 3]}, f"entry {name}")


def test_names_that_leave_the_archive(entries: Callable[..., Entries], tmp_path: Path) -> None:
    for name in ("../evil", "/etc/passwd", "a/../../b", "c:\\x", "a//b", "./a"):
        _refused(tmp_path, entries("kmeans") | {name: b"x"}, "leaves the archive")


def test_a_child_may_not_leave_its_folder(entries: Callable[..., Entries], tmp_path: Path) -> None:
    for nodes in ('["../../x"]', '["a", "a"]', '["a/b"]', '[""]'):
        root = b'{"op":"pipeline","attributes":{"nodes":{"type":"list","string":%s}}}' % nodes.encode()
        _refused(tmp_path, entries("kmeans") | {"root/model.json": root}, "unsafe or twice")


def test_bombs(entries: Callable[..., Entries], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _refused(tmp_path, entries("kmeans") | {"notes/bomb": bytes(8 << 20)}, "entry notes/bomb.*unpack to")
    whole = entries("kmeans")
    for limit, match in (
        ("MAX_ENTRIES", "more than 5"),
        ("MAX_BYTES", "bytes unpacked"),
        ("MAX_ARCHIVE", "more than 5"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(archive, limit, 5)
            _refused(tmp_path, whole, match)


def test_an_entry_that_lies_about_its_size(entries: Callable[..., Entries], tmp_path: Path) -> None:
    data = bytearray(pack(entries("kmeans")))
    at = data.rfind(b"PK\x01\x02")
    struct.pack_into("<I", data, at + 24, 3)
    _refused(tmp_path, bytes(data), "entry root/node.json")


def test_the_same_name_twice(entries: Callable[..., Entries], tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made, pytest.warns(UserWarning):
        for name, data in [*entries("kmeans").items(), ("bundle.json", b"{}")]:
            made.writestr(name, data)
    _refused(tmp_path, out.getvalue(), "bundle.json.*twice")


def test_wrong_types_are_refused_not_read_as_zero(entries: Callable[..., Entries], tmp_path: Path) -> None:
    whole = entries("rf_mixed")
    model = _only(whole, "Forest") if "Forest" in "".join(whole) else ""
    model = model.split("/")[1]
    name = f"root/{model}/model.json"
    text = whole[name].decode()
    for old, new, match in (
        ('"long": 13', '"int": 13', "num_features is int, not long"),
        ('"num_classes"', '"n"', "without attribute num_classes"),
        ('"type": "list"', '"type": "heap"', "unknown type 'heap'"),
        ('"long": 13', '"long": 1e3', "whole number"),
        ('"long": 13', '"long": 99999999999999999999', "beyond long"),
    ):
        assert old in text
        _refused(tmp_path, whole | {name: text.replace(old, new).encode()}, match)


def test_trees_that_do_not_end_or_end_early(entries: Callable[..., Entries], tmp_path: Path) -> None:
    whole = entries("tree_classifier")
    name = _only(whole, "tree.json")
    leaf = b'{"type":"leaf","values":[1.0,2.0]}\n'
    split = b'{"type":"internal","split":{"type":"continuous","featureIndex":0,"threshold":0.5}}\n'
    for tree, match in (
        (whole[name] + leaf, "more follow"),
        (split + leaf, "cut after 2 records"),
        (b"", "cut after 0"),
        (split * 100 + leaf * 101, "deeper than 64"),
        (b"[]\n", "where a record belongs"),
        (b'{"type":"leaf","values":3}\n', "malformed"),
        (split.replace(b"0,", b"-1,") + leaf * 2, "feature -1"),
    ):
        _refused(tmp_path, whole | {name: tree}, match)


def test_negative_and_huge_lengths(entries: Callable[..., Entries], tmp_path: Path) -> None:
    whole = entries("tree_classifier", "pb")
    name = _only(whole, "tree.pb")
    for head in (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x00"):
        _refused(tmp_path, whole | {name: head + whole[name]}, f"entry {name}")


def test_pipelines_within_pipelines_end(tmp_path: Path) -> None:
    info = b'{"uid":"6c2c296d-33d5-4d72-9154-f77b08da4955","name":"a","format":"json","version":"","timestamp":""}'
    model = b'{"op":"pipeline","attributes":{"nodes":{"type":"list","string":["a"]}}}'
    node = b'{"name":"a","shape":{"inputs":[],"outputs":[]}}'
    content, folder = {"bundle.json": info}, "root"
    for _ in range(30):
        content |= {f"{folder}/model.json": model, f"{folder}/node.json": node}
        folder += "/a.node"
    _refused(tmp_path, content, "pipelines within pipelines")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_of_a_byte_reads_or_is_one_error(
    data: st.DataObject, entries: Callable[..., Entries], tmp_path: Path
) -> None:
    case = data.draw(st.sampled_from(["naive_bayes", "tree_classifier", "bisecting_kmeans", "bucketizer_logistic"]))
    whole = entries(case, data.draw(st.sampled_from(["json", "pb"])))
    name = data.draw(st.sampled_from(sorted(whole)))
    body = bytearray(whole[name])
    at = data.draw(st.integers(0, len(body) - 1))
    body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    path = tmp_path / "m.zip"
    path.write_bytes(pack(whole | {name: bytes(body)}))
    try:
        read(path)
    except BundleError as exc:
        assert "entry " in str(exc)
