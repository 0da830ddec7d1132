"""Comparison with bundles written by MLeap: a lossless round trip, and the same structure for equal pipelines."""

import json
import math
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from leapline.bundle import read
from leapline.bundle.files import from_files, to_files
from leapline.bundle.model import Format, ListOf, Node, Scalar, Tensor
from leapline.bundle.ops import OPS, describe
from leapline.bundle.writer import to_bundle
from tests.bundle import pipelines

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel
    from pyspark.sql import DataFrame

EXTENSIONS: dict[Format, str] = {"json": "json", "protobuf": "pb"}
DETERMINED = {
    *("num_features", "num_classes", "handle_invalid", "drop_last", "labels_length", "input_shape", "input_shapes"),
    *("model_type", "p_norm", "input_size", "threshold", "minValue", "maxValue", "nullable_input", "strategy"),
    *("splits", "keys", "sigma"),
}
"""Attributes whose values depend on the structure of the pipeline, not on its data."""
DATA_DEPENDENT = {("rf_categorical", "input_shapes"), ("bucketizer_logistic", "splits")}


def _archives(goldens: Path) -> Iterator[Path]:
    yield from sorted(goldens.glob("*/bundle.*.zip"))


def test_reproduces_json_of_mleap(goldens: Path) -> None:
    for path in goldens.glob("*/bundle.json.zip"):
        ours = to_files(read(path))
        with zipfile.ZipFile(path) as archive:
            theirs = {n: archive.read(n) for n in archive.namelist() if not n.endswith("/")}
        assert ours.keys() == theirs.keys()
        for name, data in theirs.items():
            assert [json.loads(x) for x in _documents(name, ours[name])] == [
                json.loads(x) for x in _documents(name, data)
            ], name


def _documents(name: str, data: bytes) -> list[bytes]:
    return data.splitlines() if name.endswith("tree.json") else [data]


def test_reproduces_protobuf_of_mleap_up_to_attribute_order(goldens: Path) -> None:
    for path in goldens.glob("*/bundle.pb.zip"):
        ours = to_files(read(path))
        with zipfile.ZipFile(path) as archive:
            for name in ours:
                theirs = archive.read(name)
                if name.endswith(("tree.pb", "node.pb")):
                    assert ours[name] == theirs, name
                elif name.endswith(".pb"):
                    assert sorted(ours[name]) == sorted(theirs), name


def test_conversion_between_formats_is_lossless(goldens: Path) -> None:
    other: dict[Format, Format] = {"json": "protobuf", "protobuf": "json"}
    for path in _archives(goldens):
        bundle = read(path)
        files = to_files(bundle)
        converted = from_files(to_files(replace(bundle, format=other[bundle.format])), path)
        assert to_files(replace(converted, format=bundle.format)) == files, path


def test_op_table_contains_ops_of_mleap(goldens: Path) -> None:
    for path in _archives(goldens):
        assert {node.op for node in read(path).root.walk()} <= OPS.keys()


@pytest.mark.spark
@pytest.mark.parametrize("name", pipelines.GOLDEN)
def test_writes_same_structure_as_mleap(
    name: str, goldens: Path, fitted: Callable[[str], "PipelineModel"], frame: "DataFrame"
) -> None:
    bundle = to_bundle(fitted(name), frame, name="p", timestamp="2026-11-24T00:00:00")
    for format, extension in EXTENSIONS.items():
        golden = read(goldens / name / f"bundle.{extension}.zip")
        files = to_files(replace(bundle, format=format, uid=golden.uid))
        ours = from_files(files, Path("ours.zip"))
        for golden_node, written in zip(golden.root.walk(), ours.root.walk(), strict=True):
            assert written.op == golden_node.op
            _assert_same_ports(name, golden_node, written)
            _assert_same_attributes(name, golden_node, written)
            _assert_same_trees(golden_node, written)


def _assert_same_ports(case: str, golden_node: Node, written: Node) -> None:
    assert written.inputs == golden_node.inputs, case
    assert written.outputs == golden_node.outputs, case


def _assert_same_attributes(case: str, golden_node: Node, written: Node) -> None:
    old, new = golden_node.model.attributes, written.model.attributes
    stable = {k for k in old if not k.startswith("key_")}
    assert {k for k in new if not k.startswith("key_")} == stable, (case, written.name)
    for key in stable:
        assert describe(new[key]) == describe(old[key]), (case, written.name, key)
        if isinstance(old[key], Tensor):
            assert len(new[key].dims) == len(old[key].dims)  # type: ignore[union-attr]
        if key in DETERMINED and (case, key) not in DATA_DEPENDENT:
            assert _plain(new[key]) == _plain(old[key]), (case, written.name, key)


def _plain(value: Any) -> Any:
    if isinstance(value, ListOf):
        return list(value.values)
    if isinstance(value, Scalar):
        return None if isinstance(value.value, float) and math.isnan(value.value) else value.value
    return value


def _assert_same_trees(golden_node: Node, written: Node) -> None:
    assert (written.tree is None, written.clusters is None) == (golden_node.tree is None, golden_node.clusters is None)
    assert bool(written.members) == bool(golden_node.members)
    for (model, tree), (golden, leaves) in zip(written.members.values(), golden_node.members.values(), strict=False):
        assert model == golden
        assert len(tree[-1].values) == len(leaves[-1].values)  # type: ignore[union-attr]
