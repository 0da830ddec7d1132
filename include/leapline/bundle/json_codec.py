"""Codec of nodes, models and attribute values in the JSON format. Decoders raise ValueError on invalid input.

JSON has no NaN and no infinity. NaN is encoded as `null`; an infinite number cannot be encoded (`files` handles the
outer splits of a bucketizer). A default value is encoded as `{}`, without its type key, as in proto3.
"""

import base64
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from leapline.bundle.model import BASES, Dim, ListOf, Model, Node, Scalar, Shape, Socket, Tensor, Value, is_default
from leapline.bundle.protobuf_codec import NUMBERS, SHAPES

_MAX_DEPTH = 16
_LIMITS = {"byte": 7, "short": 15, "int": 31, "long": 63}


def dumps(value: Any) -> bytes:
    """Encode canonical JSON: sorted keys, no spaces, UTF-8.

    Raises:
        ValueError: the value contains NaN or an infinite number.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def loads(data: bytes) -> Any:
    """Decode JSON; duplicate keys, NaN and Infinity are rejected.

    Raises:
        ValueError: invalid JSON, or nested too deeply.
    """
    try:
        return json.loads(data, parse_constant=_reject_constant, object_pairs_hook=_reject_duplicate_keys)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def encode_node(node: Node) -> bytes:
    """Encode node.json."""
    sides = {"inputs": node.inputs, "outputs": node.outputs}
    shape = {side: [{"port": s.port, "name": s.column} for s in sockets] for side, sockets in sides.items()}
    return dumps({"name": node.name, "shape": shape})


def decode_node(data: bytes) -> tuple[str, tuple[Socket, ...], tuple[Socket, ...]]:
    """Decode node.json.

    Returns:
        The name, the input ports and the output ports.
    """
    top = _expect(loads(data), dict, "node")
    shape = _required(top, "shape", dict)
    return _required(top, "name", str), _sockets(shape, "inputs"), _sockets(shape, "outputs")


def encode_model(model: Model) -> bytes:
    """Encode model.json."""
    return dumps(_model(model))


def decode_model(data: bytes) -> Model:
    """Decode model.json."""
    return _decode_model(loads(data), 0)


def encode_value(value: Value) -> dict[str, Any]:
    """Encode an attribute value as a JSON object."""
    if isinstance(value, Tensor):
        return {"type": "tensor", **_tensor(value)}
    if isinstance(value, ListOf):
        items = {value.kind: [_item(value.kind, v) for v in value.values]} if value.values else {}
        return {"type": "list", **items}
    return {} if is_default(value.kind, value.value) else {value.kind: _item(value.kind, value.value)}


def decode_value(raw: Any, depth: int = 0) -> Value:
    """Decode an attribute value."""
    body = dict(_expect(raw, dict, "attribute"))
    container = body.pop("type", None)
    if container == "tensor":
        return _decode_tensor(body)
    if container not in (None, "list"):
        raise ValueError(f"unknown value type {container!r}")
    if len(body) > 1:
        raise ValueError(f"expected one type key, got {sorted(body)}")
    for kind, value in body.items():
        if kind not in NUMBERS:
            raise ValueError(f"unknown type key {kind!r}")
        if container is None:
            return Scalar(kind, _decode_item(kind, value, depth))
        return ListOf(kind, tuple(_decode_item(kind, v, depth) for v in _expect(value, list, "list")))
    return Scalar("", None) if container is None else ListOf("", ())


def encode_double(value: float) -> float | None:
    """Encode a double; NaN becomes null.

    Raises:
        ValueError: the number is infinite.
    """
    if math.isinf(value):
        raise ValueError("an infinite number, which JSON cannot represent")
    return None if math.isnan(value) else value


def decode_double(raw: Any) -> float:
    """Decode a double; null becomes NaN.

    Raises:
        ValueError: not a number, or outside the range of a double.
    """
    if raw is None:
        return math.nan
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise ValueError(f"expected a number, got {raw!r}")
    try:
        value = float(raw)
    except OverflowError:
        value = math.inf
    if math.isinf(value):
        raise ValueError("number outside the range of a double")
    return value


def decode_integer(raw: Any, kind: str) -> int:
    """Decode an integer.

    Args:
        raw: the JSON value.
        kind: the type that limits its range: byte, short, int or long.

    Raises:
        ValueError: not an integer, or outside the range of the type.
    """
    if isinstance(raw, bool) or not isinstance(raw, int):
        raise ValueError(f"expected an integer, got {raw!r}")
    limit = 1 << _LIMITS[kind]
    if not -limit <= raw < limit:
        raise ValueError(f"{raw} is outside the range of {kind}")
    return raw


def _model(model: Model) -> dict[str, Any]:
    return {"op": model.op, "attributes": {key: encode_value(value) for key, value in model.attributes.items()}}


def _tensor(tensor: Tensor) -> dict[str, Any]:
    values = [_item(tensor.base, v) for v in tensor.values]
    return {tensor.base: values, "shape": {"dimensions": [d._asdict() for d in tensor.dims]}}


def _shape(shape: Shape) -> dict[str, Any]:
    dims = {} if shape.dims is None else {"tensorShape": {"dimensions": [d._asdict() for d in shape.dims]}}
    return {"base": shape.base, "isNullable": shape.nullable, **dims}


def _item(kind: str, value: Any) -> Any:
    encode: dict[str, Callable[[Any], Any]] = {
        "double": encode_double,
        "float": encode_double,
        "byte_string": lambda v: base64.b64encode(v).decode(),
        "tensor": _tensor,
        "data_shape": _shape,
        "model": _model,
    }
    return encode[kind](value) if kind in encode else value


def _decode_model(raw: Any, depth: int) -> Model:
    if depth > _MAX_DEPTH:
        raise ValueError(f"models nested deeper than {_MAX_DEPTH} levels")
    top = _expect(raw, dict, "model")
    attributes = _required(top, "attributes", dict)
    return Model(
        _required(top, "op", str), {key: _decode_attribute(key, value, depth) for key, value in attributes.items()}
    )


def _decode_attribute(key: str, raw: Any, depth: int) -> Value:
    try:
        return decode_value(raw, depth)
    except ValueError as exc:
        raise ValueError(f"attribute {key}: {exc}") from exc


def _decode_tensor(body: Mapping[str, Any]) -> Tensor:
    bases = [key for key in body if key in BASES]
    if len(bases) != 1:
        raise ValueError(f"expected one element type for tensor, got {bases}")
    values = _expect(body[bases[0]], list, "tensor values")
    kind = "int" if bases[0] in ("byte", "short") else bases[0]
    dims = _decode_dims(_required(body, "shape", dict))
    return Tensor(bases[0], dims, tuple(_decode_item(kind, v, 0, bases[0]) for v in values))


def _decode_dims(raw: Mapping[str, Any]) -> tuple[Dim, ...]:
    dims = []
    for d in _required(raw, "dimensions", list):
        size = decode_integer(_expect(d, dict, "dimension").get("size"), "int")
        if size < 0:
            raise ValueError(f"negative dimension {size}")
        dims.append(Dim(size, _required(d, "name", str)))
    return tuple(dims)


def _decode_shape(raw: Any) -> Shape:
    body = _expect(raw, dict, "data shape")
    base = _required(body, "base", str)
    if base not in SHAPES:
        raise ValueError(f"unknown data shape {base!r}")
    dims = _decode_dims(_required(body, "tensorShape", dict)) if "tensorShape" in body else None
    return Shape(base, _required(body, "isNullable", bool), dims)


def _decode_item(kind: str, raw: Any, depth: int, base: str = "") -> Any:
    if kind in ("double", "float"):
        return decode_double(raw)
    if kind in ("int", "long"):
        return decode_integer(raw, base or kind)
    if kind == "byte_string":
        return base64.b64decode(_expect(raw, str, "base64 text"), validate=True)
    if kind == "basic_type" and raw not in BASES:
        raise ValueError(f"unknown basic type {raw!r}")
    if kind in ("boolean", "string", "basic_type"):
        return _expect(raw, bool if kind == "boolean" else str, kind)
    if kind == "tensor":
        return _decode_tensor({k: v for k, v in _expect(raw, dict, "tensor").items() if k != "type"})
    return _decode_shape(raw) if kind == "data_shape" else _decode_model(raw, depth + 1)


def _sockets(shape: Mapping[str, Any], side: str) -> tuple[Socket, ...]:
    return tuple(
        Socket(_required(s, "port", str), _required(s, "name", str))
        for s in (_expect(raw, dict, "port") for raw in _required(shape, side, list))
    )


def _required(body: Mapping[str, Any], key: str, kind: type) -> Any:
    if key not in body:
        raise ValueError(f"missing key {key!r}")
    return _expect(body[key], kind, key)


def _expect(raw: Any, kind: type, what: str) -> Any:
    if not isinstance(raw, kind):
        raise ValueError(f"expected {kind.__name__} for {what}, got {type(raw).__name__}")
    return raw


def _reject_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _reject_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise ValueError("duplicate key in an object")
    return out
