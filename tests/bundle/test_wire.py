"""Protobuf wire format, and a round trip of every value type in both formats."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leapline.bundle import json_codec, protobuf_codec, wire
from leapline.bundle.model import Cluster, Dim, ListOf, Model, Scalar, Shape, Tensor, Value, float32, scalar
from leapline.bundle.trees import decode_clusters, encode_clusters

FINITE = st.floats(allow_nan=False, allow_infinity=False)
ITEMS: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "int": st.integers(-(1 << 31), (1 << 31) - 1),
    "long": st.integers(-(1 << 63), (1 << 63) - 1),
    "float": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "double": FINITE,
    "string": st.text(),
    "byte_string": st.binary(),
    "basic_type": st.sampled_from(["double", "string", "boolean"]),
    "data_shape": st.builds(
        Shape,
        st.sampled_from(["scalar", "list", "tensor"]),
        st.booleans(),
        st.none() | st.tuples(st.builds(Dim, st.integers(0, 9), st.text())),
    ),
    "tensor": st.lists(FINITE, max_size=5).map(lambda v: Tensor("double", (Dim(len(v)),), tuple(v))),
}
VALUES = st.one_of(
    *[i.map(lambda v, k=kind: Scalar(k, v)) for kind, i in ITEMS.items()],
    *[st.lists(i, min_size=1, max_size=4).map(lambda v, k=kind: ListOf(k, tuple(v))) for kind, i in ITEMS.items()],
    *[
        st.lists(ITEMS[base], max_size=4).map(lambda v, b=base: Tensor(b, (Dim(len(v), "n"),), tuple(v)))
        for base in ("boolean", "int", "long", "float", "double", "string", "byte_string")
    ],
    st.just(Scalar("model", Model("inner", {"a": scalar("double", 1.5)}))),
)


def _equal(value: Value, again: Value) -> bool:
    if isinstance(value, Scalar) and again == Scalar("", None):
        return not value.value
    return repr(again) == repr(value)


@given(VALUES)
def test_protobuf_round_trip(value: Value) -> None:
    assert _equal(value, protobuf_codec.decode_value(protobuf_codec.encode_value(value)))


@given(VALUES)
def test_json_round_trip(value: Value) -> None:
    assert _equal(value, json_codec.decode_value(json_codec.loads(json_codec.dumps(json_codec.encode_value(value)))))


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_varint_round_trip(number: int) -> None:
    value, end = wire.read_varint(wire.varint(number), 0)
    assert (wire.signed(value), end) == (number, len(wire.varint(number)))


def test_encodes_examples_of_the_format_specification() -> None:
    model = protobuf_codec.encode_model(Model("", {"num_features": scalar("long", 14)}))
    assert model.hex() == "1216" + "0a14" + "0a0c" + b"num_features".hex() + "12040a02200e"
    assert protobuf_codec.encode_value(scalar("double", 0.0)) == b"\x0a\x00"
    assert protobuf_codec.encode_value(scalar("double", -0.0)) != b"\x0a\x00"
    assert json_codec.encode_value(scalar("boolean", False)) == {}
    assert json_codec.encode_value(scalar("double", math.nan)) == {"double": None}


@given(st.binary(max_size=40))
def test_random_bytes_raise_only_value_error(noise: bytes) -> None:
    for decode in (protobuf_codec.decode_model, protobuf_codec.decode_node, protobuf_codec.decode_value):
        try:
            decode(noise)
        except ValueError:
            continue


def test_cluster_numbers_can_be_negative() -> None:
    tree = [Cluster(-1, 0.5, 2, (1.0,)), Cluster(0, 0.0, 0, (2.0,)), Cluster(7, 1.0, 0, (3.0,))]
    for format in ("json", "protobuf"):
        assert decode_clusters(encode_clusters(tree, format), format) == tree  # type: ignore[arg-type]


def test_float32_rounds_and_overflows() -> None:
    assert float32(0.1) == 0.10000000149011612
    assert float32(1e300) == math.inf


@pytest.mark.parametrize("bad", ['{"a": NaN}', '{"a": 1, "a": 2}', "[" * 100_000, "{"])
def test_rejects_invalid_json(bad: str) -> None:
    with pytest.raises(ValueError):
        json_codec.loads(bad.encode())
