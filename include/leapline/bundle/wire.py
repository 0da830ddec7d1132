"""The parts of the protobuf wire format that Bundle.ML uses. Decoders raise ValueError on invalid input.

docs/decisions/0041-python-protobuf-codec.md explains why the `protobuf` package is not used.
"""

import struct
from collections.abc import Iterable, Iterator
from itertools import chain

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_MASK64 = (1 << 64) - 1
_ONE_BYTE = [bytes((value,)) for value in range(128)]


def varint(value: int) -> bytes:
    """Encode an integer as a varint; a negative one as 64-bit two's complement."""
    if 0 <= value < 128:
        return _ONE_BYTE[value]
    value &= _MASK64
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Decode the varint at position `at`.

    Returns:
        The value, and the position after it.
    """
    value = shift = 0
    while True:
        if at >= len(data):
            raise ValueError("truncated varint")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & _MASK64, at
        shift += 7
        if shift > 63:
            raise ValueError("varint longer than 10 bytes")


def signed(value: int, bits: int = 64) -> int:
    """Interpret a decoded varint as a signed integer of `bits` bits."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def tag(number: int, wire_type: int) -> bytes:
    """Encode the key of a field."""
    return varint(number << 3 | wire_type)


def number_field(number: int, value: int) -> bytes:
    """Encode an int, long, bool or enum field, even if the value is 0."""
    return tag(number, VARINT) + varint(value)


def bytes_field(number: int, payload: bytes) -> bytes:
    """Encode a string, bytes or message field."""
    return tag(number, BYTES) + varint(len(payload)) + payload


def double_field(number: int, value: float) -> bytes:
    """Encode a double field, even if the value is 0."""
    return tag(number, FIXED64) + struct.pack("<d", value)


def float_field(number: int, value: float) -> bytes:
    """Encode a float field, even if the value is 0."""
    return tag(number, FIXED32) + struct.pack("<f", value)


def text_field(number: int, text: str) -> bytes:
    """Encode a string field; nothing for an empty string."""
    return bytes_field(number, text.encode()) if text else b""


def packed(values: Iterable[float], code: str = "d") -> bytes:
    """Encode packed little-endian doubles ("d") or floats ("f")."""
    items = tuple(values)
    return struct.pack(f"<{len(items)}{code}", *items)


def unpacked(payload: bytes, code: str = "d") -> tuple[float, ...]:
    """Decode a packed field of doubles ("d") or floats ("f")."""
    size = struct.calcsize(code)
    if len(payload) % size:
        raise ValueError(f"packed field of {len(payload)} bytes, not a multiple of {size}")
    return struct.unpack(f"<{len(payload) // size}{code}", payload)


def unpacked_varints(payload: bytes, bits: int = 64) -> tuple[int, ...]:
    """Decode a packed field of signed integers."""
    out, at = [], 0
    while at < len(payload):
        value, at = read_varint(payload, at)
        out.append(signed(value, bits))
    return tuple(out)


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Iterate over the fields of a message.

    Yields:
        The field number, and the value: an int for a varint, otherwise bytes.
    """
    at, end = 0, len(data)
    while at < end:
        key, at = read_varint(data, at)
        number, wire_type = key >> 3, key & 7
        if wire_type == VARINT:
            value, at = read_varint(data, at)
            yield number, value
            continue
        if wire_type == BYTES:
            size, at = read_varint(data, at)
        elif wire_type in (FIXED64, FIXED32):
            size = 8 if wire_type == FIXED64 else 4
        else:
            raise ValueError(f"unknown wire type {wire_type}")
        if size > end - at:
            raise ValueError(f"field {number} of {size} bytes, but {end - at} bytes remain")
        yield number, data[at : at + size]
        at += size


def concatenated(parts: Iterable[tuple[float, ...]]) -> tuple[float, ...]:
    """Join the pieces of a repeated field; an encoder may split it."""
    return tuple(chain.from_iterable(parts))
