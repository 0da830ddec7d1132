"""Codec of tree files: records in pre-order, as one JSON object per line or as length-prefixed protobuf messages.

Decoders raise ValueError on a truncated, too long or malformed file.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from leapline.bundle import json_codec, wire
from leapline.bundle.model import Categorical, Cluster, Continuous, Format, Leaf, Record, Tree, is_default

# These are the scorer's limits; Spark limits the depth to 30.
MAX_NODES = 16 << 20
MAX_DEPTH = 64

T = TypeVar("T", bound=Record | Cluster)


def encode_tree(tree: Tree, form: Format) -> bytes:
    """Encode a tree file."""
    if form == "protobuf":
        return b"".join(_framed(_proto(record)) for record in tree)
    return b"".join(json_codec.dumps(_json(record)) + b"\n" for record in tree)


def decode_tree(data: bytes, form: Format) -> Tree:
    """Decode a tree file and check that it contains exactly one complete tree."""
    records = (
        list(map(_from_proto, _frames(data))) if form == "protobuf" else [_from_json(line) for line in _lines(data)]
    )
    _check_complete(records, lambda r: 0 if isinstance(r, Leaf) else 2)
    return records


def encode_clusters(tree: Sequence[Cluster], form: Format) -> bytes:
    """Encode the tree file of a bisecting k-means."""
    if form == "protobuf":
        return b"".join(_framed(_cluster_proto(c)) for c in tree)
    return b"".join(
        json_codec.dumps({"index": c.number, "norm": c.norm, "numChildren": c.num_children, "values": c.centre}) + b"\n"
        for c in tree
    )


def decode_clusters(data: bytes, form: Format) -> Sequence[Cluster]:
    """Decode the tree file of a bisecting k-means and check that it contains exactly one complete tree."""
    records = (
        list(map(_cluster_from_proto, _frames(data)))
        if form == "protobuf"
        else [_cluster_from_json(line) for line in _lines(data)]
    )
    _check_complete(records, lambda c: c.num_children)
    return records


def depth_of(tree: Tree) -> int:
    """Return the number of levels below the root."""
    return _check_complete(tree, lambda r: 0 if isinstance(r, Leaf) else 2)


def _check_complete(records: Sequence[T], children: Callable[[T], int]) -> int:
    """Check that the records are exactly one tree, and return its depth."""
    open_children, deepest = [1], 0
    for at, record in enumerate(records):
        while open_children and not open_children[-1]:
            open_children.pop()
        if not open_children:
            raise ValueError(f"tree is complete at record {at}, but {len(records) - at} records remain")
        open_children[-1] -= 1
        deepest = max(deepest, len(open_children) - 1)
        if deepest > MAX_DEPTH:
            raise ValueError(f"tree deeper than {MAX_DEPTH} levels")
        open_children.append(children(record))
    if any(open_children) or not records:
        raise ValueError(f"truncated after {len(records)} records")
    return deepest


def _framed(message: bytes) -> bytes:
    return struct.pack(">i", len(message)) + message


def _frames(data: bytes) -> Iterator[bytes]:
    at = count = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big", signed=True)
        if not 0 <= size <= len(data) - at - 4:
            raise ValueError(f"record of {size} bytes, but {max(0, len(data) - at - 4)} bytes remain")
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
            raise ValueError(f"expected an object for tree record, got {type(record).__name__}")
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
        return {"type": "leaf", "values": [json_codec.encode_double(v) for v in record.values]}
    if isinstance(record, Continuous):
        threshold = json_codec.encode_double(record.threshold)
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
    kind, body = _single_field(message, "tree record")
    if kind == 2:
        return Leaf(_doubles(wire.fields(body), 1))
    if kind != 1:
        raise ValueError(f"unknown tree record {kind}")
    _, split = _single_field(body, "internal node")
    kind, body = _single_field(split, "split")
    if kind not in (1, 2):
        raise ValueError(f"unknown split {kind}")
    fields = list(wire.fields(body))
    parts = dict(fields)
    feature = _feature(wire.signed(_int(parts.get(1, 0)), 32))
    if kind == 2:
        return Continuous(feature, (_doubles(fields, 2) or (0.0,))[-1])
    return Categorical(feature, bool(_int(parts.get(2, 0))), _int(parts.get(3, 0)), _doubles(fields, 4))


def _from_json(record: dict[str, Any]) -> Record:
    try:
        return _record_from_json(record)
    except KeyError as exc:
        raise ValueError(f"missing key {exc} in tree record") from exc
    except TypeError as exc:
        raise ValueError(f"malformed tree record: {exc}") from exc


def _record_from_json(record: dict[str, Any]) -> Record:
    if record["type"] == "leaf":
        return Leaf(tuple(map(json_codec.decode_double, record["values"])))
    if record["type"] != "internal":
        raise ValueError(f"unknown tree record {record['type']!r}")
    split = record["split"]
    feature = _feature(json_codec.decode_integer(split["featureIndex"], "int"))
    if split["type"] == "continuous":
        return Continuous(feature, json_codec.decode_double(split["threshold"]))
    if split["type"] != "categorical":
        raise ValueError(f"unknown split {split['type']!r}")
    categories = tuple(map(json_codec.decode_double, split["categories"]))
    return Categorical(
        feature, split["isLeft"] is True, json_codec.decode_integer(split["numCategories"], "int"), categories
    )


def _cluster_proto(cluster: Cluster) -> bytes:
    return (
        (wire.number_field(1, cluster.number & 0xFFFFFFFF) if cluster.number else b"")
        + (b"" if is_default("double", cluster.norm) else wire.double_field(2, cluster.norm))
        + (wire.bytes_field(3, wire.packed(cluster.centre)) if cluster.centre else b"")
        + (wire.number_field(4, cluster.num_children) if cluster.num_children else b"")
    )


def _cluster_from_proto(message: bytes) -> Cluster:
    fields = list(wire.fields(message))
    parts = dict(fields)
    norm = (_doubles(fields, 2) or (0.0,))[-1]
    children = _int(parts.get(4, 0))
    return Cluster(wire.signed(_int(parts.get(1, 0)), 32), norm, _children(children), _doubles(fields, 3))


def _cluster_from_json(record: dict[str, Any]) -> Cluster:
    try:
        children = _children(json_codec.decode_integer(record["numChildren"], "int"))
        centre = tuple(map(json_codec.decode_double, record["values"]))
        return Cluster(
            json_codec.decode_integer(record["index"], "int"),
            json_codec.decode_double(record["norm"]),
            children,
            centre,
        )
    except KeyError as exc:
        raise ValueError(f"missing key {exc} in cluster record") from exc
    except TypeError as exc:
        raise ValueError(f"malformed cluster record: {exc}") from exc


def _children(count: int) -> int:
    if not 0 <= count <= MAX_NODES:
        raise ValueError(f"invalid number of children {count}")
    return count


def _feature(index: int) -> int:
    if index < 0:
        raise ValueError(f"negative feature index {index}")
    return index


def _single_field(message: bytes, what: str) -> tuple[int, bytes]:
    fields = list(wire.fields(message))
    if not fields:
        raise ValueError(f"empty {what}")
    number, body = fields[-1]
    if not isinstance(body, bytes):
        raise ValueError(f"expected a message for {what}, got a number")
    return number, body


def _doubles(fields: Iterable[tuple[int, int | bytes]], number: int) -> tuple[float, ...]:
    """Decode a repeated double, packed or not: one unpacked value has the same bytes as a packed list of one value."""
    return wire.concatenated(wire.unpacked(body) for n, body in fields if n == number and isinstance(body, bytes))


def _int(value: int | bytes) -> int:
    if not isinstance(value, int):
        raise ValueError("expected a number, got bytes")
    return value
