"""Codec of nodes, models and attribute values in the protobuf format. Decoders raise ValueError on invalid input."""

import struct
from collections.abc import Callable, Sequence
from typing import Any

from leapline.bundle import wire
from leapline.bundle.model import BASES, Dim, ListOf, Model, Node, Scalar, Shape, Socket, Tensor, Value, is_default

NUMBERS = {
    "boolean": 1,
    "string": 2,
    "int": 3,
    "long": 4,
    "float": 5,
    "double": 6,
    "byte_string": 7,
    "tensor": 8,
    "basic_type": 9,
    "data_shape": 10,
    "model": 11,
}
KINDS = {number: kind for kind, number in NUMBERS.items()}
BASE_NAMES = {number: name for name, number in BASES.items()}
SHAPES = ("scalar", "list", "tensor")
_ELEMENTS = {"boolean": "?", "byte": "b", "short": "h", "int": "i", "long": "q", "float": "f", "double": "d"}
_MAX_DEPTH = 16


def encode_node(node: Node) -> bytes:
    """Encode node.pb: the name and the ports."""
    shape = b"".join(
        wire.bytes_field(number, wire.text_field(1, s.port) + wire.text_field(2, s.column))
        for number, sockets in ((1, node.inputs), (2, node.outputs))
        for s in sockets
    )
    return wire.text_field(1, node.name) + wire.bytes_field(2, shape)


def decode_node(data: bytes) -> tuple[str, tuple[Socket, ...], tuple[Socket, ...]]:
    """Decode node.pb.

    Returns:
        The name, the input ports and the output ports.
    """
    name, shape = "", b""
    for number, payload in wire.fields(data):
        if number == 1:
            name = _text(payload)
        elif number == 2:
            shape += _payload(payload)
    sides: dict[int, list[Socket]] = {1: [], 2: []}
    for number, payload in wire.fields(shape):
        texts = {n: _text(p) for n, p in wire.fields(_payload(payload)) if n in (1, 2)}
        sides.setdefault(number, []).append(Socket(texts.get(1, ""), texts.get(2, "")))
    return name, tuple(sides[1]), tuple(sides[2])


def encode_model(model: Model) -> bytes:
    """Encode model.pb: the op and its attributes, sorted by name."""
    entries = b"".join(
        wire.bytes_field(1, wire.text_field(1, key) + wire.bytes_field(2, encode_value(model.attributes[key])))
        for key in sorted(model.attributes)
    )
    return wire.text_field(1, model.op) + wire.bytes_field(2, entries)


def decode_model(data: bytes, depth: int = 0) -> Model:
    """Decode model.pb."""
    if depth > _MAX_DEPTH:
        raise ValueError(f"models nested deeper than {_MAX_DEPTH} levels")
    op, entries = "", b""
    for number, payload in wire.fields(data):
        if number == 1:
            op = _text(payload)
        elif number == 2:
            entries += _payload(payload)
    attributes: dict[str, Value] = {}
    for number, entry in wire.fields(entries):
        if number == 1:
            parts = dict(wire.fields(_payload(entry)))
            attributes[_text(parts.get(1, b""))] = decode_value(_payload(parts.get(2, b"")), depth)
    return Model(op, attributes)


def encode_value(value: Value) -> bytes:
    """Encode an attribute as a Value message."""
    if isinstance(value, Tensor):
        return wire.bytes_field(3, _encode_tensor(value))
    if isinstance(value, ListOf):
        return wire.bytes_field(2, _encode_list(value))
    if is_default(value.kind, value.value):
        return wire.bytes_field(1, b"")
    return wire.bytes_field(1, _encode_item(value.kind, value.value))


def decode_value(data: bytes, depth: int = 0) -> Value:
    """Decode a Value message. Of several members of a oneof the last one counts, as protobuf defines."""
    members = list(wire.fields(data))
    if not members:
        raise ValueError("attribute without a value")
    number, payload = members[-1]
    if number == 1:
        return _decode_scalar(_payload(payload), depth)
    if number == 2:
        return _decode_list(_payload(payload), depth)
    if number == 3:
        return _decode_tensor(_payload(payload))
    raise ValueError(f"unknown field {number} in Value")


def _encode_item(kind: str, value: Any) -> bytes:
    number = NUMBERS[kind]
    if kind in ("boolean", "int", "long"):
        return wire.number_field(number, int(value))
    if kind == "double":
        return wire.double_field(number, value)
    if kind == "float":
        return wire.float_field(number, value)
    if kind == "basic_type":
        return wire.number_field(number, BASES[value])
    return wire.bytes_field(number, _payload_of(kind, value))


def _payload_of(kind: str, value: Any) -> bytes:
    if kind == "string":
        return str(value).encode()
    if kind == "byte_string":
        return bytes(value)
    if kind == "tensor":
        return _encode_tensor(value)
    return _encode_shape(value) if kind == "data_shape" else encode_model(value)


def _encode_list(value: ListOf) -> bytes:
    if not value.values:
        return b""
    number = NUMBERS[value.kind]
    if value.kind in ("double", "float"):
        return wire.bytes_field(number, wire.packed(value.values, value.kind[0]))
    if value.kind in ("boolean", "int", "long"):
        return wire.bytes_field(number, b"".join(wire.varint(int(v)) for v in value.values))
    if value.kind == "basic_type":
        return wire.bytes_field(number, b"".join(wire.varint(BASES[v]) for v in value.values))
    return b"".join(wire.bytes_field(number, _payload_of(value.kind, v)) for v in value.values)


def _encode_dims(dims: Sequence[Dim]) -> bytes:
    return b"".join(
        wire.bytes_field(1, (wire.number_field(1, d.size) if d.size else b"") + wire.text_field(2, d.name))
        for d in dims
    )


def _encode_tensor(tensor: Tensor) -> bytes:
    if tensor.base in _ELEMENTS:
        raw = struct.pack(f">{len(tensor.values)}{_ELEMENTS[tensor.base]}", *tensor.values)
    else:
        texts = (v if isinstance(v, bytes) else v.encode() for v in tensor.values)
        raw = b"".join(struct.pack(">i", len(t)) + t for t in texts)
    head = wire.number_field(1, BASES[tensor.base]) + wire.bytes_field(2, _encode_dims(tensor.dims))
    return head + (wire.bytes_field(3, raw) if raw else b"")


def _encode_shape(shape: Shape) -> bytes:
    base = SHAPES.index(shape.base)
    head = (wire.number_field(1, base) if base else b"") + (wire.number_field(2, 1) if shape.nullable else b"")
    return head + (b"" if shape.dims is None else wire.bytes_field(3, _encode_dims(shape.dims)))


def _decode_scalar(data: bytes, depth: int) -> Scalar:
    members = list(wire.fields(data))
    if not members:
        return Scalar("", None)
    number, payload = members[-1]
    kind = _kind(number)
    return Scalar(kind, _decode_item(kind, payload, depth))


def _decode_list(data: bytes, depth: int) -> ListOf:
    kind, values = "", list[Any]()
    for number, payload in wire.fields(data):
        if kind and _kind(number) != kind:
            raise ValueError(f"list with elements of types {kind} and {_kind(number)}")
        kind = _kind(number)
        if isinstance(payload, bytes) and kind in _PACKED:
            values += _PACKED[kind](payload)
        else:
            values.append(_decode_item(kind, payload, depth))
    return ListOf(kind, tuple(values))


def _base(number: int) -> str:
    if number not in BASE_NAMES:
        raise ValueError(f"unknown basic type {number}")
    return BASE_NAMES[number]


def _floats(payload: bytes) -> tuple[float, ...]:
    # One unpacked element has the same bytes as a packed list of one element.
    return wire.unpacked(payload, "f")


_PACKED: dict[str, Callable[[bytes], tuple[Any, ...]]] = {
    "double": wire.unpacked,
    "float": _floats,
    "long": wire.unpacked_varints,
    "int": lambda data: wire.unpacked_varints(data, 32),
    "boolean": lambda data: tuple(map(bool, wire.unpacked_varints(data))),
    "basic_type": lambda data: tuple(map(_base, wire.unpacked_varints(data))),
}


def _decode_item(kind: str, payload: int | bytes, depth: int) -> Any:
    if kind in ("boolean", "int", "long", "basic_type"):
        number = _number(payload)
        return {"boolean": bool, "int": lambda n: wire.signed(n, 32), "long": wire.signed, "basic_type": _base}[kind](
            number
        )
    raw = _payload(payload)
    if kind in ("double", "float"):
        (value,) = wire.unpacked(raw, kind[0])
        return value
    if kind == "string":
        return _text(raw)
    if kind == "byte_string":
        return raw
    if kind == "tensor":
        return _decode_tensor(raw)
    return _decode_shape(raw) if kind == "data_shape" else decode_model(raw, depth + 1)


def _decode_dims(data: bytes) -> tuple[Dim, ...]:
    dims = []
    for number, payload in wire.fields(data):
        if number == 1:
            parts = dict(wire.fields(_payload(payload)))
            size = wire.signed(_number(parts.get(1, 0)), 32)
            if size < 0:
                raise ValueError(f"negative dimension {size}")
            dims.append(Dim(size, _text(parts.get(2, b""))))
    return tuple(dims)


def _decode_tensor(data: bytes) -> Tensor:
    parts = dict(wire.fields(data))
    base = _base(_number(parts.get(1, 0)))
    raw = _payload(parts.get(3, b""))
    values: tuple[Any, ...]
    if base in _ELEMENTS:
        size = struct.calcsize(_ELEMENTS[base])
        if len(raw) % size:
            raise ValueError(f"tensor of {len(raw)} bytes, not a multiple of the size of {base}")
        values = struct.unpack(f">{len(raw) // size}{_ELEMENTS[base]}", raw)
    else:
        values = tuple(_decode_texts(raw, base))
    return Tensor(base, _decode_dims(_payload(parts.get(2, b""))), values)


def _decode_texts(raw: bytes, base: str) -> list[Any]:
    out, at = list[Any](), 0
    while at < len(raw):
        size = int.from_bytes(raw[at : at + 4], "big", signed=True)
        at += 4
        if not 0 <= size <= len(raw) - at:
            raise ValueError(f"tensor element of {size} bytes, but {len(raw) - at} bytes remain")
        piece = raw[at : at + size]
        out.append(piece.decode() if base == "string" else piece)
        at += size
    return out


def _decode_shape(data: bytes) -> Shape:
    parts = dict(wire.fields(data))
    base = _number(parts.get(1, 0))
    if base >= len(SHAPES):
        raise ValueError(f"unknown data shape {base}")
    dims = _decode_dims(_payload(parts[3])) if 3 in parts else None
    return Shape(SHAPES[base], bool(_number(parts.get(2, 0))), dims)


def _kind(number: int) -> str:
    if number not in KINDS:
        raise ValueError(f"unknown type key {number}")
    return KINDS[number]


def _number(value: int | bytes) -> int:
    if not isinstance(value, int):
        raise ValueError("expected a number, got bytes")
    return value


def _payload(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("expected bytes, got a number")
    return value


def _text(value: int | bytes) -> str:
    return _payload(value).decode()
