"""Nodes, models and attribute values in the JSON form. Decoders raise ValueError on anything that is not one.

JSON has no NaN and no infinity: NaN is `null`; infinity cannot be said (`files` sees to a bucketizer's outer splits).
A default value is `{}`, its type key left out, as proto3 has it.
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
    """Canonical JSON: keys sorted, no spaces, UTF-8.

    Raises:
        ValueError: an infinity or NaN in it.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def loads(data: bytes) -> Any:
    """JSON with one value a key; NaN and Infinity refused.

    Raises:
        ValueError: anything else, nesting too deep included.
    """
    try:
        return json.loads(data, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except RecursionError:
        raise ValueError("nested too deep") from None


def encode_node(node: Node) -> bytes:
    """node.json."""
    sides = {"inputs": node.inputs, "outputs": node.outputs}
    shape = {side: [{"port": s.port, "name": s.column} for s in sockets] for side, sockets in sides.items()}
    return dumps({"name": node.name, "shape": shape})


def decode_node(data: bytes) -> tuple[str, tuple[Socket, ...], tuple[Socket, ...]]:
    """Name, inputs, outputs."""
    top = _typed(loads(data), dict, "a node")
    shape = _member(top, "shape", dict)
    return _member(top, "name", str), _sockets(shape, "inputs"), _sockets(shape, "outputs")


def encode_model(model: Model) -> bytes:
    """model.json."""
    return dumps(_model(model))


def decode_model(data: bytes) -> Model:
    """The model in a model.json."""
    return _decode_model(loads(data), 0)


def encode_value(value: Value) -> dict[str, Any]:
    """An attribute's JSON object."""
    if isinstance(value, Tensor):
        return {"type": "tensor", **_tensor(value)}
    if isinstance(value, ListOf):
        items = {value.kind: [_item(value.kind, v) for v in value.values]} if value.values else {}
        return {"type": "list", **items}
    return {} if is_default(value.kind, value.value) else {value.kind: _item(value.kind, value.value)}


def decode_value(raw: Any, depth: int = 0) -> Value:
    """The value in an attribute's JSON object."""
    body = dict(_typed(raw, dict, "an attribute"))
    form = body.pop("type", None)
    if form == "tensor":
        return _decode_tensor(body)
    if form not in (None, "list"):
        raise ValueError(f"unknown type {form!r} of a value")
    if len(body) > 1:
        raise ValueError(f"several type keys {sorted(body)}")
    for kind, value in body.items():
        if kind not in NUMBERS:
            raise ValueError(f"unknown type key {kind!r}")
        if form is None:
            return Scalar(kind, _decode_item(kind, value, depth))
        return ListOf(kind, tuple(_decode_item(kind, v, depth) for v in _typed(value, list, "a list")))
    return Scalar("", None) if form is None else ListOf("", ())


def number(value: float) -> float | None:
    """A double as JSON holds it: NaN as null.

    Raises:
        ValueError: infinite.
    """
    if math.isinf(value):
        raise ValueError("an infinite number, which JSON cannot hold")
    return None if math.isnan(value) else value


def double(raw: Any) -> float:
    """A double as JSON holds it: null is NaN. ValueError beyond a double's range."""
    if raw is None:
        return math.nan
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise ValueError(f"{raw!r} where a number belongs")
    try:
        value = float(raw)
    except OverflowError:
        value = math.inf
    if math.isinf(value):
        raise ValueError("a number beyond a double's range")
    return value


def integer(raw: Any, kind: str) -> int:
    """A whole number within `kind` (byte, short, int, long)."""
    if isinstance(raw, bool) or not isinstance(raw, int):
        raise ValueError(f"{raw!r} where a whole number belongs")
    limit = 1 << _LIMITS[kind]
    if not -limit <= raw < limit:
        raise ValueError(f"{raw} is beyond {kind}")
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
        "double": number,
        "float": number,
        "byte_string": lambda v: base64.b64encode(v).decode(),
        "tensor": _tensor,
        "data_shape": _shape,
        "model": _model,
    }
    return encode[kind](value) if kind in encode else value


def _decode_model(raw: Any, depth: int) -> Model:
    if depth > _MAX_DEPTH:
        raise ValueError(f"models within models deeper than {_MAX_DEPTH}")
    top = _typed(raw, dict, "a model")
    attributes = _member(top, "attributes", dict)
    return Model(_member(top, "op", str), {key: _named(key, value, depth) for key, value in attributes.items()})


def _named(key: str, raw: Any, depth: int) -> Value:
    try:
        return decode_value(raw, depth)
    except ValueError as exc:
        raise ValueError(f"attribute {key}: {exc}") from exc


def _decode_tensor(body: Mapping[str, Any]) -> Tensor:
    bases = [key for key in body if key in BASES]
    if len(bases) != 1:
        raise ValueError(f"a tensor of type {bases or 'unknown'}")
    values = _typed(body[bases[0]], list, "a tensor's values")
    kind = "int" if bases[0] in ("byte", "short") else bases[0]
    dims = _decode_dims(_member(body, "shape", dict))
    return Tensor(bases[0], dims, tuple(_decode_item(kind, v, 0, bases[0]) for v in values))


def _decode_dims(raw: Mapping[str, Any]) -> tuple[Dim, ...]:
    dims = []
    for d in _member(raw, "dimensions", list):
        size = integer(_typed(d, dict, "a dimension").get("size"), "int")
        if size < 0:
            raise ValueError(f"a dimension of size {size}")
        dims.append(Dim(size, _member(d, "name", str)))
    return tuple(dims)


def _decode_shape(raw: Any) -> Shape:
    body = _typed(raw, dict, "a data shape")
    base = _member(body, "base", str)
    if base not in SHAPES:
        raise ValueError(f"unknown data shape {base!r}")
    dims = _decode_dims(_member(body, "tensorShape", dict)) if "tensorShape" in body else None
    return Shape(base, _member(body, "isNullable", bool), dims)


def _decode_item(kind: str, raw: Any, depth: int, base: str = "") -> Any:
    if kind in ("double", "float"):
        return double(raw)
    if kind in ("int", "long"):
        return integer(raw, base or kind)
    if kind == "byte_string":
        return base64.b64decode(_typed(raw, str, "base64 text"), validate=True)
    if kind == "basic_type" and raw not in BASES:
        raise ValueError(f"unknown basic type {raw!r}")
    if kind in ("boolean", "string", "basic_type"):
        return _typed(raw, bool if kind == "boolean" else str, f"a {kind}")
    if kind == "tensor":
        return _decode_tensor({k: v for k, v in _typed(raw, dict, "a tensor").items() if k != "type"})
    return _decode_shape(raw) if kind == "data_shape" else _decode_model(raw, depth + 1)


def _sockets(shape: Mapping[str, Any], side: str) -> tuple[Socket, ...]:
    return tuple(
        Socket(_member(s, "port", str), _member(s, "name", str))
        for s in (_typed(raw, dict, "a port") for raw in _member(shape, side, list))
    )


def _member(body: Mapping[str, Any], key: str, kind: type) -> Any:
    if key not in body:
        raise ValueError(f"no {key!r}")
    return _typed(body[key], kind, f"{key!r}")


def _typed(raw: Any, kind: type, what: str) -> Any:
    if not isinstance(raw, kind):
        raise ValueError(f"{type(raw).__name__} where {what} ({kind.__name__}) belongs")
    return raw


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise ValueError("a key twice in one object")
    return out
