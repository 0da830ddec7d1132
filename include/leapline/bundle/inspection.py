"""Summary of a bundle: stages, sizes, columns and the most important features."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from leapline.bundle.archive import FilePath, read_entries
from leapline.bundle.column_types import stored_types
from leapline.bundle.files import from_files
from leapline.bundle.importance import feature_importances
from leapline.bundle.model import Bundle, Leaf, ListOf, Node, Scalar, Shape, Tensor, Value
from leapline.bundle.ops import attribute
from leapline.bundle.trees import depth_of

_TEXT_INPUTS = {"string_indexer", "tokenizer", "regex_tokenizer"}
_TOKEN_INPUTS = {"stopwords_remover", "ngram", "count_vectorizer", "hashing_term_frequency", "word_to_vector"}
_LISTED = 8


def inspect(path: FilePath, top: int = 10) -> dict[str, Any]:
    """Summarize the archive at `path`.

    Args:
        path: the archive.
        top: the number of features to list.

    Returns:
        A document for JSON.

    Raises:
        BundleError: not a valid bundle.
    """
    path = Path(path)
    entries = read_entries(path)
    bundle = from_files(entries, path)
    importances = feature_importances(bundle)
    return {
        "name": bundle.name,
        "uid": bundle.uid,
        "format": bundle.format,
        "version": bundle.version,
        "timestamp": bundle.timestamp,
        "bytes": path.stat().st_size,
        "bytes_unpacked": sum(map(len, entries.values())),
        "entries": len(entries),
        "inputs": input_columns(bundle),
        "outputs": output_columns(bundle),
        "stages": [describe_stage(child) for child in _stages(bundle.root)],
        "top_features": None
        if importances is None
        else {
            "kind": importances.kind,
            "features": [{"name": n, "share": s} for n, s in importances.shares[:top] if s > 0],
        },
        "extra": {name: len(data) for name, data in sorted(bundle.extra.items())},
    }


def input_columns(bundle: Bundle) -> list[dict[str, Any]]:
    """Return name and type of the columns that a caller has to supply, in the order of their first use."""
    computed = {s.column for node in bundle.root.walk() for s in node.outputs}
    types, out = stored_types(bundle), dict[str, str]()
    for node in bundle.root.walk():
        for position, socket in enumerate(node.inputs):
            if socket.column not in computed:
                out.setdefault(socket.column, types.get(socket.column) or _input_type(node, position))
    return [{"name": name, "type": kind} for name, kind in out.items()]


def output_columns(bundle: Bundle) -> list[str]:
    """Return the columns that no later stage reads."""
    read = {s.column for node in bundle.root.walk() for s in node.inputs}
    return [s.column for node in bundle.root.walk() for s in node.outputs if s.column not in read]


def describe_stage(node: Node) -> dict[str, Any]:
    """Describe a stage and the stages below it."""
    out: dict[str, Any] = {
        "name": node.name,
        "op": node.op,
        "inputs": [s.column for s in node.inputs],
        "outputs": [s.column for s in node.outputs],
        "attributes": {
            name: short_value(value)
            for name, value in sorted(node.model.attributes.items())
            if name not in ("nodes", "trees")
        },
    }
    sizes = tree_sizes(node)
    if sizes:
        out["trees"] = sizes
    if node.children:
        out["stages"] = [describe_stage(child) for child in node.children]
    return out


def tree_sizes(node: Node) -> dict[str, int] | None:
    """Return the number of trees, nodes and leaves, and the maximum depth; None for a stage without trees."""
    trees = node.trees()
    if node.clusters is not None:
        leaves = sum(c.num_children == 0 for c in node.clusters)
        return {"trees": 1, "nodes": len(node.clusters), "leaves": leaves}
    if not trees:
        return None
    return {
        "trees": len(trees),
        "nodes": sum(map(len, trees)),
        "leaves": sum(isinstance(r, Leaf) for tree in trees for r in tree),
        "depth": max(map(depth_of, trees)),
    }


def short_value(value: Value) -> Any:
    """Return scalars and short lists unchanged, and the type and size of longer ones."""
    if isinstance(value, Tensor):
        shape = " x ".join(str(d.size) for d in value.dims)
        return list(value.values) if len(value.values) <= _LISTED else f"{value.base} tensor {shape}"
    if isinstance(value, Scalar):
        return _item(value.value)
    if value.kind == "data_shape":
        return _counted([_item(v) for v in value.values])
    return [_item(v) for v in value.values] if len(value.values) <= _LISTED else _summary(value)


def _summary(value: ListOf) -> str:
    return f"{len(value.values)} {value.kind}s"


def _counted(items: Sequence[Any]) -> list[str]:
    """Abbreviate `scalar, scalar, scalar` to `3 x scalar`."""
    out: list[list[Any]] = []
    for item in items:
        if out and out[-1][1] == item:
            out[-1][0] += 1
        else:
            out.append([1, item])
    return [f"{count} x {item}" if count > 1 else str(item) for count, item in out]


def _item(value: Any) -> Any:
    if isinstance(value, Shape):
        size = f"({value.dims[0].size})" if value.dims else ""
        return value.base + size
    if isinstance(value, Tensor):
        return f"{value.base} tensor {' x '.join(str(d.size) for d in value.dims)}"
    if isinstance(value, float) and value != value:
        return None
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def _stages(root: Node) -> Sequence[Node]:
    return root.children if root.op == "pipeline" else (root,)


def _input_type(node: Node, position: int) -> str:
    if node.op in _TEXT_INPUTS:
        return "string"
    if node.op in _TOKEN_INPUTS:
        return "list(string)"
    if node.op == "feature_hasher":
        kinds = attribute(node.model.attributes, "basic_types", ())
        return str(kinds[position]) if isinstance(kinds, tuple) else "double"
    shapes = node.model.attributes.get("input_shapes") or node.model.attributes.get("input_shape")
    if isinstance(shapes, ListOf) and position < len(shapes.values):
        return _shape_type(shapes.values[position])
    if isinstance(shapes, Scalar):
        return _shape_type(shapes.value)
    if node.op in ("imputer", "bucketizer", "one_hot_encoder"):
        return "double"
    size = node.model.attributes.get("num_features")
    return (
        f"tensor({size.value})"
        if isinstance(size, Scalar)
        else "double"
        if node.inputs[position].port == "input"
        else "tensor"
    )


def _shape_type(shape: Any) -> str:
    if isinstance(shape, Shape) and shape.dims:
        return f"tensor({shape.dims[0].size})"
    return "double"
