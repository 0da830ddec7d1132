"""The protobuf wire format, as far as Bundle.ML needs it.

Written by hand: the `protobuf` runtime would need generated code locked to its version, promises no order of
map entries across versions, and accepts what we must refuse. Decoders raise ValueError on a cut or malformed message.
"""

import struct
from collections.abc import Iterable, Iterator
from itertools import chain

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_MASK64 = (1 << 64) - 1
_ONE_BYTE = [bytes((value,)) for value in range(128)]


def varint(value: int) -> bytes:
    """`value` (negative ones as 64-bit two's complement) in base 128."""
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
    """The varint at `at`, and where it ends."""
    value = shift = 0
    while True:
        if at >= len(data):
            raise ValueError("cut within a number")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & _MASK64, at
        shift += 7
        if shift > 63:
            raise ValueError("number longer than 10 bytes")


def signed(value: int, bits: int = 64) -> int:
    """A decoded varint as a signed number of `bits`."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def tag(number: int, wire_type: int) -> bytes:
    """A field's key."""
    return varint(number << 3 | wire_type)


def number_field(number: int, value: int) -> bytes:
    """An int, long, bool or enum field, written even when 0."""
    return tag(number, VARINT) + varint(value)


def bytes_field(number: int, payload: bytes) -> bytes:
    """A string, bytes or message field."""
    return tag(number, BYTES) + varint(len(payload)) + payload


def double_field(number: int, value: float) -> bytes:
    """A double field, written even when 0."""
    return tag(number, FIXED64) + struct.pack("<d", value)


def float_field(number: int, value: float) -> bytes:
    """A float field, written even when 0."""
    return tag(number, FIXED32) + struct.pack("<f", value)


def text_field(number: int, text: str) -> bytes:
    """A string field, left out when empty."""
    return bytes_field(number, text.encode()) if text else b""


def packed(values: Iterable[float], code: str = "d") -> bytes:
    """Packed little-endian doubles ("d") or floats ("f")."""
    items = tuple(values)
    return struct.pack(f"<{len(items)}{code}", *items)


def unpacked(payload: bytes, code: str = "d") -> tuple[float, ...]:
    """The doubles or floats in a packed field."""
    size = struct.calcsize(code)
    if len(payload) % size:
        raise ValueError(f"{len(payload)} bytes are no whole number of {size}-byte values")
    return struct.unpack(f"<{len(payload) // size}{code}", payload)


def unpacked_varints(payload: bytes, bits: int = 64) -> tuple[int, ...]:
    """The signed numbers in a packed field."""
    out, at = [], 0
    while at < len(payload):
        value, at = read_varint(payload, at)
        out.append(signed(value, bits))
    return tuple(out)


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Each field of a message: its number and a varint, 8 or 4 raw bytes, or a payload."""
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
            raise ValueError(f"field {number} says {size} bytes, {end - at} are left")
        yield number, data[at : at + size]
        at += size


def merged(parts: Iterable[tuple[float, ...]]) -> tuple[float, ...]:
    """A repeated field may come in several pieces."""
    return tuple(chain.from_iterable(parts))
