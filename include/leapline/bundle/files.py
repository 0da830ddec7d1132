"""Conversion between bundles and the named files of an archive, in both formats.

bundle.json                          always JSON
root/model.{json|pb}, node.{json|pb}
root/<child>.node/...                one folder per child of a pipeline
root/<child>.node/tree0/...          one folder per tree of an ensemble: model and tree, no node
root/<child>.node/tree.{json|pb}     the tree of a single tree model or of a bisecting k-means
"""

import math
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from leapline.bundle import json_codec, ops, protobuf_codec, trees
from leapline.bundle.archive import invalid_archive, is_safe_name
from leapline.bundle.model import EXTENSIONS, Bundle, Format, ListOf, Model, Node, Tree
from leapline.errors import BundleError

INFO = "bundle.json"
ENSEMBLES = {"random_forest_classifier", "random_forest_regression", "gbt_classifier", "gbt_regression"}
SINGLE_TREES = {"decision_tree_classifier", "decision_tree_regression"}
CLUSTER_TREES = {"bisecting_k_means"}
MAX_PIPELINES = 16
"""Maximum nesting depth of pipelines."""
MAX_SUBMODELS = 10_000
"""Maximum number of models in a one-vs-rest."""

T = TypeVar("T")


def to_files(bundle: Bundle) -> dict[str, bytes]:
    """Encode the bundle in `bundle.format`.

    Returns:
        File name -> content, including the extra entries.

    Raises:
        BundleError: JSON cannot represent a value, or the name of an extra entry is reserved or unsafe.
    """
    out = _node_files(bundle.root, "root", bundle.format)
    out[INFO] = info_file(bundle)
    for name, data in bundle.extra.items():
        if name in out or not is_safe_name(name):
            raise BundleError(
                f"extra entry {name!r}",
                found="a reserved or unsafe name",
                expected="a relative path that the bundle does not use",
                fix="Rename the entry.",
            )
        out[name] = data
    return out


def info_file(bundle: Bundle) -> bytes:
    """Encode bundle.json."""
    info = {"uid": bundle.uid, "name": bundle.name, "format": bundle.format, "version": bundle.version}
    meta = {"meta": {k: json_codec.encode_value(v) for k, v in bundle.meta.items()}} if bundle.meta else {}
    return json_codec.dumps({**info, "timestamp": bundle.timestamp, **meta})


def from_files(entries: Mapping[str, bytes], path: Path) -> Bundle:
    """Decode a bundle.

    Args:
        entries: file name -> content.
        path: the archive, for error messages.

    Raises:
        BundleError: an entry is missing, truncated or invalid; the error names it.
    """
    files = _Entries(entries, path)
    info = files.parse(INFO, _info)
    files.format = info["format"]
    root = _read_node(files, "root", 0)
    extra = {name: data for name, data in entries.items() if name not in files.used}
    return Bundle(root=root, extra=extra, **info)


def _node_files(node: Node, folder: str, format: Format) -> dict[str, bytes]:
    extension = EXTENSIONS[format]
    codec = json_codec if format == "json" else protobuf_codec
    out = {f"{folder}/node.{extension}": codec.encode_node(node), **_model_files(node, folder, format)}
    for child in node.children:
        out |= _node_files(child, f"{folder}/{child.name}.node", format)
    return out


def _model_files(node: Node, folder: str, format: Format) -> dict[str, bytes]:
    extension = EXTENSIONS[format]
    codec = json_codec if format == "json" else protobuf_codec
    try:
        out = {f"{folder}/model.{extension}": codec.encode_model(_outgoing(node, format))}
        if node.tree is not None:
            out[f"{folder}/tree.{extension}"] = trees.encode_tree(node.tree, format)
        if node.clusters is not None:
            out[f"{folder}/tree.{extension}"] = trees.encode_clusters(node.clusters, format)
        for name, (model, tree) in node.members.items():
            out[f"{folder}/{name}/model.{extension}"] = codec.encode_model(model)
            out[f"{folder}/{name}/tree.{extension}"] = trees.encode_tree(tree, format)
    except ValueError as exc:
        raise BundleError(
            f"stage {node.name}",
            found=str(exc),
            expected=f"values that the {format} format can represent",
            fix='Use format="protobuf".',
        ) from exc
    for name, submodel in node.submodels.items():
        out |= _model_files(submodel, f"{folder}/{name}", format)
    return out


def _outgoing(node: Node, format: Format) -> Model:
    """Return the model to encode: JSON represents the infinite outer splits of a bucketizer as null."""
    if format == "json" and node.op == "bucketizer":
        return _with_outer_splits(node.model, lambda v, _: math.nan if math.isinf(v) else v)
    return node.model


def _incoming(model: Model, format: Format) -> Model:
    if format == "json" and model.op == "bucketizer":
        return _with_outer_splits(model, lambda v, side: side if math.isnan(v) else v)
    return model


def _with_outer_splits(model: Model, change: Callable[[float, float], float]) -> Model:
    splits = model.attributes["splits"]
    if not isinstance(splits, ListOf) or len(splits.values) < 2:
        return model
    first, *inner, last = splits.values
    outer = (change(first, -math.inf), *inner, change(last, math.inf))
    return Model(model.op, {**model.attributes, "splits": ListOf(splits.kind, outer)})


@dataclass
class _Entries:
    """The entries of an archive; `used` collects those that belong to Bundle.ML."""

    entries: Mapping[str, bytes]
    path: Path
    format: Format = "json"
    used: set[str] = field(default_factory=set)

    def parse(self, name: str, decode: Callable[[bytes], T]) -> T:
        if name not in self.entries:
            raise invalid_archive(self.path, f"entry {name}", "missing")
        self.used.add(name)
        try:
            return decode(self.entries[name])
        except ValueError as exc:
            raise invalid_archive(self.path, f"entry {name}", str(exc)) from exc


def _info(data: bytes) -> dict[str, Any]:
    raw = json_codec.loads(data)
    if not isinstance(raw, dict):
        raise ValueError("expected a JSON object")
    keys = ("uid", "name", "format", "version", "timestamp")
    for key in keys:
        if not isinstance(raw.get(key), str):
            raise ValueError(f"missing or invalid field {key!r}, expected a string")
    if raw["format"] not in EXTENSIONS:
        raise ValueError(f"unknown format {raw['format']!r}, expected json or protobuf")
    uuid.UUID(raw["uid"])
    meta = raw.get("meta") or {}
    if not isinstance(meta, dict):
        raise ValueError("expected an object for meta")
    return {**{key: raw[key] for key in keys}, "meta": {k: json_codec.decode_value(v) for k, v in meta.items()}}


def _read_node(files: _Entries, folder: str, depth: int) -> Node:
    extension = EXTENSIONS[files.format]
    codec = json_codec if files.format == "json" else protobuf_codec
    name, inputs, outputs = files.parse(f"{folder}/node.{extension}", codec.decode_node)
    model = _read_model(files, f"{folder}/model.{extension}")
    node = Node(name, model, inputs, outputs)
    if model.op == "pipeline":
        return replace(node, children=_read_children(files, folder, model, depth))
    return _read_parts(files, folder, node)


def _read_parts(files: _Entries, folder: str, node: Node) -> Node:
    """Read the trees and submodels of a model."""
    model, extension = node.model, EXTENSIONS[files.format]
    if model.op == "one_vs_rest":
        return replace(node, submodels=_read_submodels(files, folder, model))
    if model.op in ENSEMBLES:
        return replace(node, members=_read_members(files, folder, model))
    tree = f"{folder}/tree.{extension}"
    if model.op in SINGLE_TREES:
        return replace(node, tree=files.parse(tree, lambda data: trees.decode_tree(data, files.format)))
    if model.op in CLUSTER_TREES:
        return replace(node, clusters=files.parse(tree, lambda data: trees.decode_clusters(data, files.format)))
    return node


def _read_model(files: _Entries, name: str) -> Model:
    codec = json_codec if files.format == "json" else protobuf_codec
    return files.parse(name, lambda data: _incoming(ops.with_types(codec.decode_model(data)), files.format))


def _read_children(files: _Entries, folder: str, model: Model, depth: int) -> tuple[Node, ...]:
    if depth > MAX_PIPELINES:
        raise invalid_archive(files.path, f"entry {folder}", f"pipelines nested deeper than {MAX_PIPELINES} levels")
    names = _folder_names(files, folder, model, "nodes")
    children = [_read_node(files, f"{folder}/{name}.node", depth + 1) for name in names]
    # The parent's list defines the folder names; the name in the node file may differ.
    return tuple(replace(child, name=name) for child, name in zip(children, names, strict=True))


def _read_submodels(files: _Entries, folder: str, model: Model) -> dict[str, Node]:
    count = int(str(ops.attribute(model.attributes, "num_classes")))
    if not 0 < count <= MAX_SUBMODELS:
        entry = f"entry {folder}/model.{EXTENSIONS[files.format]}"
        raise invalid_archive(files.path, entry, f"{count} classes, expected 1 to {MAX_SUBMODELS}")
    out = {}
    for name in (f"model{number}" for number in range(count)):
        submodel = _read_model(files, f"{folder}/{name}/model.{EXTENSIONS[files.format]}")
        if submodel.op in ("pipeline", "one_vs_rest"):
            raise invalid_archive(files.path, f"entry {folder}/{name}", f"expected a classifier, got op {submodel.op}")
        out[name] = _read_parts(files, f"{folder}/{name}", Node("", submodel))
    return out


def _read_members(files: _Entries, folder: str, model: Model) -> dict[str, tuple[Model, Tree]]:
    extension = EXTENSIONS[files.format]
    out = {}
    for name in _folder_names(files, folder, model, "trees"):
        member = _read_model(files, f"{folder}/{name}/model.{extension}")
        if member.op not in SINGLE_TREES:
            raise invalid_archive(
                files.path, f"entry {folder}/{name}/model.{extension}", f"expected a decision tree, got op {member.op}"
            )
        out[name] = (
            member,
            files.parse(f"{folder}/{name}/tree.{extension}", lambda d: trees.decode_tree(d, files.format)),
        )
    return out


def _folder_names(files: _Entries, folder: str, model: Model, key: str) -> list[str]:
    names = [str(n) for n in model.attributes[key].values]  # type: ignore[union-attr]
    bad = next((n for n in names if not is_safe_name(n) or "/" in n or names.count(n) > 1), None)
    if bad is not None:
        raise invalid_archive(
            files.path, f"entry {folder}/model.{EXTENSIONS[files.format]}", f"unsafe or duplicate child name {bad!r}"
        )
    return names
