"""Tree files: records in pre-order, one JSON object a line, or length-prefixed protobuf messages.

Decoders raise ValueError on a cut, over-long or malformed file.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from leapline.bundle import json_codec, wire
from leapline.bundle.model import Categorical, Cluster, Continuous, Format, Leaf, Record, Tree, is_default

# The scorer's own limits; Spark's greatest depth is 30.
MAX_NODES = 16 << 20
MAX_DEPTH = 64

T = TypeVar("T", bound=Record | Cluster)


def encode_tree(tree: Tree, form: Format) -> bytes:
    """A tree file's content."""
    if form == "protobuf":
        return b"".join(_framed(_proto(record)) for record in tree)
    return b"".join(json_codec.dumps(_json(record)) + b"\n" for record in tree)


def decode_tree(data: bytes, form: Format) -> Tree:
    """The records in a tree file, checked to be one whole tree."""
    records = (
        list(map(_from_proto, _frames(data))) if form == "protobuf" else [_from_json(line) for line in _lines(data)]
    )
    _check_whole(records, lambda r: 0 if isinstance(r, Leaf) else 2)
    return records


def encode_clusters(tree: Sequence[Cluster], form: Format) -> bytes:
    """A bisecting k-means tree file's content."""
    if form == "protobuf":
        return b"".join(_framed(_cluster_proto(c)) for c in tree)
    return b"".join(
        json_codec.dumps({"index": c.number, "norm": c.norm, "numChildren": c.num_children, "values": c.centre}) + b"\n"
        for c in tree
    )


def decode_clusters(data: bytes, form: Format) -> Sequence[Cluster]:
    """The records in a cluster tree file, checked to be one whole tree."""
    records = (
        list(map(_cluster_from_proto, _frames(data)))
        if form == "protobuf"
        else [_cluster_from_json(line) for line in _lines(data)]
    )
    _check_whole(records, lambda c: c.num_children)
    return records


def depth_of(tree: Tree) -> int:
    """Levels below the root."""
    return _check_whole(tree, lambda r: 0 if isinstance(r, Leaf) else 2)


def _check_whole(records: Sequence[T], children: Callable[[T], int]) -> int:
    """Walks the pre-order once; gives the depth."""
    open_children, deepest = [1], 0
    for at, record in enumerate(records):
        while open_children and not open_children[-1]:
            open_children.pop()
        if not open_children:
            raise ValueError(f"the tree ends at record {at}, {len(records) - at} more follow")
        open_children[-1] -= 1
        deepest = max(deepest, len(open_children) - 1)
        if deepest > MAX_DEPTH:
            raise ValueError(f"deeper than {MAX_DEPTH}")
        open_children.append(children(record))
    if any(open_children) or not records:
        raise ValueError(f"cut after {len(records)} records, within the tree")
    return deepest


def _framed(message: bytes) -> bytes:
    return struct.pack(">i", len(message)) + message


def _frames(data: bytes) -> Iterator[bytes]:
    at = count = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big", signed=True)
        if not 0 <= size <= len(data) - at - 4:
            raise ValueError(f"a record of {size} bytes, {max(0, len(data) - at - 4)} are left")
        count += 1
        if count > MAX_NODES:
            raise ValueError(f"more than {MAX_NODES} records")
        yield data[at + 4 : at + 4 + size]
        at += 4 + size


def _lines(data: bytes) -> Iterator[dict[str, Any]]:
    lines = data.splitlines()
    if len(lines) > MAX_NODES:
        raise ValueError(f"more than {MAX_NODES} records")
    for line in lines:
        record = json_codec.loads(line)
        if not isinstance(record, dict):
            raise ValueError(f"{type(record).__name__} where a record belongs")
        yield record


def _proto(record: Record) -> bytes:
    if isinstance(record, Leaf):
        return wire.bytes_field(2, wire.bytes_field(1, wire.packed(record.values)) if record.values else b"")
    feature = wire.number_field(1, record.feature) if record.feature else b""
    if isinstance(record, Continuous):
        threshold = b"" if is_default("double", record.threshold) else wire.double_field(2, record.threshold)
        return wire.bytes_field(1, wire.bytes_field(1, wire.bytes_field(2, feature + threshold)))
    body = (
        feature
        + (wire.number_field(2, 1) if record.is_left else b"")
        + (wire.number_field(3, record.num_categories) if record.num_categories else b"")
        + (wire.bytes_field(4, wire.packed(record.categories)) if record.categories else b"")
    )
    return wire.bytes_field(1, wire.bytes_field(1, wire.bytes_field(1, body)))


def _json(record: Record) -> dict[str, Any]:
    if isinstance(record, Leaf):
        return {"type": "leaf", "values": [json_codec.number(v) for v in record.values]}
    if isinstance(record, Continuous):
        threshold = json_codec.number(record.threshold)
        return {
            "type": "internal",
            "split": {"type": "continuous", "featureIndex": record.feature, "threshold": threshold},
        }
    split = {
        "type": "categorical",
        "featureIndex": record.feature,
        "isLeft": record.is_left,
        "numCategories": record.num_categories,
        "categories": list(record.categories),
    }
    return {"type": "internal", "split": split}


def _from_proto(message: bytes) -> Record:
    kind, body = _only(message, "a tree record")
    if kind == 2:
        return Leaf(_doubles(wire.fields(body), 1))
    if kind != 1:
        raise ValueError(f"unknown tree record {kind}")
    _, split = _only(body, "an internal node")
    kind, body = _only(split, "a split")
    if kind not in (1, 2):
        raise ValueError(f"unknown split {kind}")
    found = list(wire.fields(body))
    parts = dict(found)
    feature = _feature(wire.signed(_int(parts.get(1, 0)), 32))
    if kind == 2:
        return Continuous(feature, (_doubles(found, 2) or (0.0,))[-1])
    return Categorical(feature, bool(_int(parts.get(2, 0))), _int(parts.get(3, 0)), _doubles(found, 4))


def _from_json(record: dict[str, Any]) -> Record:
    try:
        return _record_from_json(record)
    except KeyError as exc:
        raise ValueError(f"a tree record without {exc}") from exc
    except TypeError as exc:
        raise ValueError(f"a malformed tree record: {exc}") from exc


def _record_from_json(record: dict[str, Any]) -> Record:
    if record["type"] == "leaf":
        return Leaf(tuple(map(json_codec.double, record["values"])))
    if record["type"] != "internal":
        raise ValueError(f"unknown tree record {record['type']!r}")
    split = record["split"]
    feature = _feature(json_codec.integer(split["featureIndex"], "int"))
    if split["type"] == "continuous":
        return Continuous(feature, json_codec.double(split["threshold"]))
    if split["type"] != "categorical":
        raise ValueError(f"unknown split {split['type']!r}")
    categories = tuple(map(json_codec.double, split["categories"]))
    return Categorical(feature, split["isLeft"] is True, json_codec.integer(split["numCategories"], "int"), categories)


def _cluster_proto(cluster: Cluster) -> bytes:
    return (
        (wire.number_field(1, cluster.number & 0xFFFFFFFF) if cluster.number else b"")
        + (b"" if is_default("double", cluster.norm) else wire.double_field(2, cluster.norm))
        + (wire.bytes_field(3, wire.packed(cluster.centre)) if cluster.centre else b"")
        + (wire.number_field(4, cluster.num_children) if cluster.num_children else b"")
    )


def _cluster_from_proto(message: bytes) -> Cluster:
    found = list(wire.fields(message))
    parts = dict(found)
    norm = (_doubles(found, 2) or (0.0,))[-1]
    children = _int(parts.get(4, 0))
    return Cluster(wire.signed(_int(parts.get(1, 0)), 32), norm, _children(children), _doubles(found, 3))


def _cluster_from_json(record: dict[str, Any]) -> Cluster:
    try:
        children = _children(json_codec.integer(record["numChildren"], "int"))
        centre = tuple(map(json_codec.double, record["values"]))
        return Cluster(json_codec.integer(record["index"], "int"), json_codec.double(record["norm"]), children, centre)
    except KeyError as exc:
        raise ValueError(f"a cluster record without {exc}") from exc
    except TypeError as exc:
        raise ValueError(f"a malformed cluster record: {exc}") from exc


def _children(count: int) -> int:
    if not 0 <= count <= MAX_NODES:
        raise ValueError(f"{count} children")
    return count


def _feature(index: int) -> int:
    if index < 0:
        raise ValueError(f"feature {index}")
    return index


def _only(message: bytes, what: str) -> tuple[int, bytes]:
    found = list(wire.fields(message))
    if not found:
        raise ValueError(f"{what} that is empty")
    number, body = found[-1]
    if not isinstance(body, bytes):
        raise ValueError(f"{what} that is a number")
    return number, body


def _doubles(found: Iterable[tuple[int, int | bytes]], number: int) -> tuple[float, ...]:
    """A repeated double, packed or not: one unpacked value has the same bytes as a packed list of one."""
    return wire.merged(wire.unpacked(body) for n, body in found if n == number and isinstance(body, bytes))


def _int(value: int | bytes) -> int:
    if not isinstance(value, int):
        raise ValueError("bytes where a number belongs")
    return value
