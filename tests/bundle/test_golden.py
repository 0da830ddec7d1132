"""Against MLeap's own bundles: what is read is what was written; our bundle of a like pipeline has the same form."""

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

FORMS: dict[Format, str] = {"json": "json", "protobuf": "pb"}
DETERMINED = {
    *("num_features", "num_classes", "handle_invalid", "drop_last", "labels_length", "input_shape", "input_shapes"),
    *("model_type", "p_norm", "input_size", "threshold", "minValue", "maxValue", "nullable_input", "strategy"),
    *("splits", "keys", "sigma"),
}
"""Attributes whose values follow from the pipeline's shape, not from its data."""
ANY_DATA = {("rf_categorical", "input_shapes"), ("bucketizer_logistic", "splits")}


def _archives(goldens: Path) -> Iterator[Path]:
    yield from sorted(goldens.glob("*/bundle.*.zip"))


def test_mleaps_json_is_reproduced_value_by_value(goldens: Path) -> None:
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


def test_mleaps_protobuf_is_reproduced_but_for_the_order_of_attributes(goldens: Path) -> None:
    for path in goldens.glob("*/bundle.pb.zip"):
        ours = to_files(read(path))
        with zipfile.ZipFile(path) as archive:
            for name in ours:
                theirs = archive.read(name)
                if name.endswith(("tree.pb", "node.pb")):
                    assert ours[name] == theirs, name
                elif name.endswith(".pb"):
                    assert sorted(ours[name]) == sorted(theirs), name


def test_both_forms_hold_the_same(goldens: Path) -> None:
    other: dict[Format, Format] = {"json": "protobuf", "protobuf": "json"}
    for path in _archives(goldens):
        bundle = read(path)
        files = to_files(bundle)
        converted = from_files(to_files(replace(bundle, format=other[bundle.format])), path)
        assert to_files(replace(converted, format=bundle.format)) == files, path


def test_every_op_and_attribute_of_the_goldens_is_in_the_table(goldens: Path) -> None:
    for path in _archives(goldens):
        assert {node.op for node in read(path).root.walk()} <= OPS.keys()


@pytest.mark.spark
@pytest.mark.parametrize("name", pipelines.GOLDEN)
def test_our_bundle_has_the_form_of_mleaps(
    name: str, goldens: Path, fitted: Callable[[str], "PipelineModel"], frame: "DataFrame"
) -> None:
    bundle = to_bundle(fitted(name), frame, name="p", timestamp="2026-11-24T00:00:00")
    for form, ending in FORMS.items():
        golden = read(goldens / name / f"bundle.{ending}.zip")
        files = to_files(replace(bundle, format=form, uid=golden.uid))
        ours = from_files(files, Path("ours.zip"))
        for theirs, made in zip(golden.root.walk(), ours.root.walk(), strict=True):
            assert made.op == theirs.op
            _same_ports(name, theirs, made)
            _same_attributes(name, theirs, made)
            _same_trees(theirs, made)


def _same_ports(case: str, theirs: Node, made: Node) -> None:
    assert made.inputs == theirs.inputs, case
    assert made.outputs == theirs.outputs, case


def _same_attributes(case: str, theirs: Node, made: Node) -> None:
    old, new = theirs.model.attributes, made.model.attributes
    stable = {k for k in old if not k.startswith("key_")}
    assert {k for k in new if not k.startswith("key_")} == stable, (case, made.name)
    for key in stable:
        assert describe(new[key]) == describe(old[key]), (case, made.name, key)
        if isinstance(old[key], Tensor):
            assert len(new[key].dims) == len(old[key].dims)  # type: ignore[union-attr]
        if key in DETERMINED and (case, key) not in ANY_DATA:
            assert _plain(new[key]) == _plain(old[key]), (case, made.name, key)


def _plain(value: Any) -> Any:
    if isinstance(value, ListOf):
        return list(value.values)
    if isinstance(value, Scalar):
        return None if isinstance(value.value, float) and math.isnan(value.value) else value.value
    return value


def _same_trees(theirs: Node, made: Node) -> None:
    assert (made.tree is None, made.clusters is None) == (theirs.tree is None, theirs.clusters is None)
    assert bool(made.members) == bool(theirs.members)
    for (model, tree), (golden, leaves) in zip(made.members.values(), theirs.members.values(), strict=False):
        assert model == golden
        assert len(tree[-1].values) == len(leaves[-1].values)  # type: ignore[union-attr]
