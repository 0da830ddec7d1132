"""A bundle as a set of named files, and back, in either form.

bundle.json                          always JSON
root/model.{json|pb}, node.{json|pb}
root/<child>.node/...                one folder a pipeline's child
root/<child>.node/tree0/...          one folder a member tree: model and tree, no node
root/<child>.node/tree.{json|pb}     the tree of a single tree or of a bisecting k-means
"""

import math
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from leapline.bundle import json_codec, ops, protobuf_codec, trees
from leapline.bundle.archive import damaged, is_safe_name
from leapline.bundle.model import EXTENSIONS, Bundle, Format, ListOf, Model, Node, Tree
from leapline.errors import BundleError

INFO = "bundle.json"
ENSEMBLES = {"random_forest_classifier", "random_forest_regression", "gbt_classifier", "gbt_regression"}
SINGLE_TREES = {"decision_tree_classifier", "decision_tree_regression"}
CLUSTER_TREES = {"bisecting_k_means"}
MAX_PIPELINES = 16
"""Pipelines within pipelines."""

T = TypeVar("T")


def to_files(bundle: Bundle) -> dict[str, bytes]:
    """Every file of the bundle, extra entries included, in `bundle.format`.

    Raises:
        BundleError: JSON cannot hold a value, or an extra entry's name is taken or unsafe.
    """
    out = _node_files(bundle.root, "root", bundle.format)
    out[INFO] = info_file(bundle)
    for name, data in bundle.extra.items():
        if name in out or not is_safe_name(name):
            raise BundleError(
                f"extra entry {name!r}",
                found="a name that is taken or unsafe",
                expected="a relative path",
                fix="Rename it.",
            )
        out[name] = data
    return out


def info_file(bundle: Bundle) -> bytes:
    """bundle.json."""
    info = {"uid": bundle.uid, "name": bundle.name, "format": bundle.format, "version": bundle.version}
    meta = {"meta": {k: json_codec.encode_value(v) for k, v in bundle.meta.items()}} if bundle.meta else {}
    return json_codec.dumps({**info, "timestamp": bundle.timestamp, **meta})


def from_files(entries: Mapping[str, bytes], path: Path) -> Bundle:
    """The bundle in `entries`; `path` is for messages.

    Raises:
        BundleError: names the entry that is missing, cut, or wrong.
    """
    files = _Files(entries, path)
    info = files.parse(INFO, _info)
    files.form = info["format"]
    root = _read_node(files, "root", 0)
    extra = {name: data for name, data in entries.items() if name not in files.used}
    return Bundle(root=root, extra=extra, **info)


def _node_files(node: Node, folder: str, form: Format) -> dict[str, bytes]:
    end = EXTENSIONS[form]
    coder = json_codec if form == "json" else protobuf_codec
    try:
        out = {
            f"{folder}/node.{end}": coder.encode_node(node),
            f"{folder}/model.{end}": coder.encode_model(_outgoing(node, form)),
        }
        if node.tree is not None:
            out[f"{folder}/tree.{end}"] = trees.encode_tree(node.tree, form)
        if node.clusters is not None:
            out[f"{folder}/tree.{end}"] = trees.encode_clusters(node.clusters, form)
        for name, (model, tree) in node.members.items():
            out[f"{folder}/{name}/model.{end}"] = coder.encode_model(model)
            out[f"{folder}/{name}/tree.{end}"] = trees.encode_tree(tree, form)
    except ValueError as exc:
        raise BundleError(
            f"stage {node.name}",
            found=str(exc),
            expected=f"values that the {form} form holds",
            fix='Use format="protobuf".',
        ) from exc
    for child in node.children:
        out |= _node_files(child, f"{folder}/{child.name}.node", form)
    return out


def _outgoing(node: Node, form: Format) -> Model:
    """JSON says a bucketizer's infinite outer splits as null."""
    if form == "json" and node.op == "bucketizer":
        return _with_outer_splits(node.model, lambda v, _: math.nan if math.isinf(v) else v)
    return node.model


def _incoming(model: Model, form: Format) -> Model:
    if form == "json" and model.op == "bucketizer":
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
class _Files:
    """The entries, and which of them were Bundle.ML's."""

    entries: Mapping[str, bytes]
    path: Path
    form: Format = "json"
    used: set[str] = field(default_factory=set)

    def parse(self, name: str, decode: Callable[[bytes], T]) -> T:
        if name not in self.entries:
            raise damaged(self.path, f"entry {name}", "no such entry")
        self.used.add(name)
        try:
            return decode(self.entries[name])
        except ValueError as exc:
            raise damaged(self.path, f"entry {name}", str(exc)) from exc


def _info(data: bytes) -> dict[str, Any]:
    raw = json_codec.loads(data)
    if not isinstance(raw, dict):
        raise ValueError("no JSON object")
    keys = ("uid", "name", "format", "version", "timestamp")
    for key in keys:
        if not isinstance(raw.get(key), str):
            raise ValueError(f"no text {key!r}")
    if raw["format"] not in EXTENSIONS:
        raise ValueError(f"format {raw['format']!r}, neither json nor protobuf")
    uuid.UUID(raw["uid"])
    meta = raw.get("meta") or {}
    if not isinstance(meta, dict):
        raise ValueError("meta that is no object")
    return {**{key: raw[key] for key in keys}, "meta": {k: json_codec.decode_value(v) for k, v in meta.items()}}


def _read_node(files: _Files, folder: str, depth: int) -> Node:
    end = EXTENSIONS[files.form]
    coder = json_codec if files.form == "json" else protobuf_codec
    name, inputs, outputs = files.parse(f"{folder}/node.{end}", coder.decode_node)
    model = _read_model(files, f"{folder}/model.{end}")
    node = Node(name, model, inputs, outputs)
    if model.op == "pipeline":
        return replace(node, children=_read_children(files, folder, model, depth))
    if model.op in ENSEMBLES:
        return replace(node, members=_read_members(files, folder, model))
    tree = f"{folder}/tree.{end}"
    if model.op in SINGLE_TREES:
        return replace(node, tree=files.parse(tree, lambda data: trees.decode_tree(data, files.form)))
    if model.op in CLUSTER_TREES:
        return replace(node, clusters=files.parse(tree, lambda data: trees.decode_clusters(data, files.form)))
    return node


def _read_model(files: _Files, name: str) -> Model:
    coder = json_codec if files.form == "json" else protobuf_codec
    return files.parse(name, lambda data: _incoming(ops.typed(coder.decode_model(data)), files.form))


def _read_children(files: _Files, folder: str, model: Model, depth: int) -> tuple[Node, ...]:
    if depth > MAX_PIPELINES:
        raise damaged(files.path, f"entry {folder}", f"pipelines within pipelines deeper than {MAX_PIPELINES}")
    names = _folder_names(files, folder, model, "nodes")
    children = [_read_node(files, f"{folder}/{name}.node", depth + 1) for name in names]
    # The folder's name is what the parent's list says; the node's own name may differ from it.
    return tuple(replace(child, name=name) for child, name in zip(children, names, strict=True))


def _read_members(files: _Files, folder: str, model: Model) -> dict[str, tuple[Model, Tree]]:
    end = EXTENSIONS[files.form]
    out = {}
    for name in _folder_names(files, folder, model, "trees"):
        member = _read_model(files, f"{folder}/{name}/model.{end}")
        if member.op not in SINGLE_TREES:
            raise damaged(files.path, f"entry {folder}/{name}/model.{end}", f"op {member.op} where a tree belongs")
        out[name] = (member, files.parse(f"{folder}/{name}/tree.{end}", lambda d: trees.decode_tree(d, files.form)))
    return out


def _folder_names(files: _Files, folder: str, model: Model, key: str) -> list[str]:
    names = [str(n) for n in model.attributes[key].values]  # type: ignore[union-attr]
    bad = next((n for n in names if not is_safe_name(n) or "/" in n or names.count(n) > 1), None)
    if bad is not None:
        raise damaged(
            files.path, f"entry {folder}/model.{EXTENSIONS[files.form]}", f"a child named {bad!r}, unsafe or twice"
        )
    return names
