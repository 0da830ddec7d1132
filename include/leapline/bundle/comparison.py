"""Comparison of two bundles."""

from collections.abc import Callable, Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any, TypeVar

from leapline.bundle.archive import FilePath
from leapline.bundle.inspection import short_value, tree_sizes
from leapline.bundle.model import Bundle, Node
from leapline.bundle.protobuf_codec import encode_value
from leapline.bundle.reader import read

T = TypeVar("T")

_INFO = ("name", "uid", "format", "version", "timestamp")


def diff(before: FilePath, after: FilePath) -> dict[str, Any]:
    """Compare two archives. Stages are matched by op and output columns, not by name.

    Returns:
        A document for JSON, as `compare` describes.

    Raises:
        BundleError: one of the archives is not a valid bundle.
    """
    return compare(read(before), read(after))


def compare(before: Bundle, after: Bundle) -> dict[str, Any]:
    """Compare two bundles.

    Returns:
        `same`: whether the models are equal, apart from bundle.json and the names of stages; `info`: changed fields of
        bundle.json; `stages`: added, removed and changed stages; `extra`: changed entries outside the model.
    """
    stages = list(_stages(before.root, after.root))
    extra = _changes(before.extra, after.extra, lambda a, b: a == b, lambda data: f"{len(data)} bytes")
    info = {
        key: [getattr(before, key), getattr(after, key)] for key in _INFO if getattr(before, key) != getattr(after, key)
    }
    return {"same": not stages and not extra, "info": info, "stages": stages, "extra": extra}


def _stages(before: Node, after: Node) -> Iterator[dict[str, Any]]:
    old, new = list(before.walk())[1:], list(after.walk())[1:]
    matcher = SequenceMatcher(None, [_key(n) for n in old], [_key(n) for n in new], autojunk=False)
    for what, a, b, c, d in matcher.get_opcodes():
        if what == "equal":
            for left, right in zip(old[a:b], new[c:d], strict=True):
                yield from _stage(left, right)
            continue
        yield from ({"change": "removed", **_title(node)} for node in old[a:b])
        yield from ({"change": "added", **_title(node)} for node in new[c:d])


def _stage(before: Node, after: Node) -> Iterator[dict[str, Any]]:
    old, new = ({k: v for k, v in n.model.attributes.items() if k != "nodes"} for n in (before, after))
    attributes = _changes(old, new, lambda a, b: encode_value(a) == encode_value(b), short_value)
    ports = [] if before.inputs == after.inputs and before.outputs == after.outputs else _ports(before, after)
    trees = _trees(before, after)
    if attributes or ports or trees:
        changes = {"attributes": attributes, "ports": ports, "trees": trees}
        yield {"change": "changed", **_title(after), **{key: value for key, value in changes.items() if value}}


def _changes(
    before: Mapping[str, T], after: Mapping[str, T], same: Callable[[T, T], bool], show: Callable[[T], Any]
) -> list[dict[str, Any]]:
    out = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old is None or new is None or not same(old, new):
            out.append(
                {
                    "name": name,
                    "before": None if old is None else show(old),
                    "after": None if new is None else show(new),
                }
            )
    return out


def _ports(before: Node, after: Node) -> list[dict[str, str]]:
    old, new = ({f"{s.port}": s.column for s in (*n.inputs, *n.outputs)} for n in (before, after))
    return [
        {"port": p, "before": old.get(p, ""), "after": new.get(p, "")}
        for p in sorted(old | new)
        if old.get(p) != new.get(p)
    ]


def _trees(before: Node, after: Node) -> dict[str, Any] | None:
    """Return the tree sizes of both stages and the number of trees that differ; None if all are equal."""
    old, new = _members(before), _members(after)
    changed = sum(repr(old[name]) != repr(new[name]) for name in old.keys() & new.keys())
    if not changed and old.keys() == new.keys():
        return None
    return {
        "before": tree_sizes(before),
        "after": tree_sizes(after),
        "changed": changed,
        "compared": len(old.keys() & new.keys()),
    }


def _members(node: Node) -> dict[str, Any]:
    if node.members:
        return {name: list(tree) for name, (_, tree) in node.members.items()}
    tree = node.tree if node.tree is not None else node.clusters
    return {} if tree is None else {"tree": list(tree)}


def _key(node: Node) -> tuple[Any, ...]:
    return (node.op, tuple(s.column for s in node.outputs))


def _title(node: Node) -> dict[str, str]:
    return {"stage": node.name, "op": node.op}
