"""Render columns of enriched events as text, thousands of lines at a time."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from leapline.snowplow.enriched import FIELDS

Ints = npt.NDArray[np.int64]
Raw = npt.NDArray[np.uint8]
Column = Any
"""A pyarrow string array with one value per row, or one `str` for all rows."""

SPAN: Final = ":"
"""In a column's key, `first:last` names adjacent fields whose values are already joined by tabs."""
LINE_END: Final = {FIELDS[-1]: "\n"}
"""The last field, empty, with the line end: a column to add when complete lines are joined."""

_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_UUID_PLACES = np.array([i for i in range(36) if i not in (8, 13, 18, 23)])


def join_fields(columns: Mapping[str, Column], first: str = FIELDS[0], last: str = FIELDS[-1]) -> Column:
    """Join columns into tab-separated text, in the order of the fields from `first` to `last`.

    Args:
        columns: field name, or `first:last` for a span of fields -> column; other fields stay empty.

    Returns:
        pyarrow string array of n rows, or a `str` if every column is constant.
    """
    spans = {key.split(SPAN)[0]: (key.split(SPAN)[-1], value) for key, value in columns.items()}
    pieces: list[Column] = []
    at, end = FIELDS.index(first), FIELDS.index(last)
    while at <= end:
        span_end, value = spans.get(FIELDS[at], (FIELDS[at], ""))
        if pieces and isinstance(value, str) and isinstance(pieces[-1], str):
            pieces[-1] += "\t" + value
        else:
            pieces.append(value)
        at = FIELDS.index(span_end) + 1
    # A column without rows has no type yet.
    typed = [piece if isinstance(piece, str) else piece.cast(pa.string()) for piece in pieces]
    return typed[0] if len(typed) == 1 else pc.binary_join_element_wise(*typed, "\t")


def timestamps(ms: Ints) -> Column:
    """Format milliseconds since 1970 as Snowplow does: `yyyy-MM-dd HH:mm:ss.SSS`, UTC."""
    return pa.array(ms).cast(pa.timestamp("ms")).cast(pa.string())


def hex_strings(raw: Raw) -> Column:
    """Format rows of k bytes as 2k lower-case hexadecimal digits."""
    return _fixed_width(_hex_digits(raw))


def uuids(raw: Raw) -> Column:
    """Format rows of 16 random bytes as version 4 UUIDs of 36 characters."""
    raw = raw.copy()
    raw[:, 6] = (raw[:, 6] & 0x0F) | 0x40
    raw[:, 8] = (raw[:, 8] & 0x3F) | 0x80
    text = np.full((len(raw), 36), ord("-"), dtype=np.uint8)
    text[:, _UUID_PLACES] = _hex_digits(raw)
    return _fixed_width(text)


def _hex_digits(raw: Raw) -> Raw:
    digits = np.empty((raw.shape[0], raw.shape[1] * 2), dtype=np.uint8)
    digits[:, 0::2] = _HEX[raw >> 4]
    digits[:, 1::2] = _HEX[raw & 15]
    return digits


def _fixed_width(text: Raw) -> Column:
    rows, width = text.shape
    offsets = np.arange(rows + 1, dtype=np.int32) * width
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(text)))
