"""Writing Snowplow enriched events the way Snowplow lands them: 131 tab-separated columns, gzip parts under `run=.../`.

The generator and the importers hand over columns; this module knows the order of the fields, the folders and the bytes.
Sources: Snowplow's canonical event model and the layout that its batch loaders read
(https://docs.snowplow.io/docs/fundamentals/canonical-event/).
"""

import json
import os
import zlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

FIELDS: Final[tuple[str, ...]] = tuple(json.loads(Path(__file__).with_name("enriched_fields.json").read_text()))
"""The 131 columns in order."""

Column = Any
"""A pyarrow string array, one value a row, or one `str` for all rows."""

SPAN = ":"
"""In a column's key, `first:last` names neighbouring fields whose values are already joined by tabs."""

_GZIP_LEVEL = 1
_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_UUID_PLACES = np.array([i for i in range(36) if i not in (8, 13, 18, 23)])


def join_fields(columns: Mapping[str, Column], first: str = FIELDS[0], last: str = FIELDS[-1]) -> Any:
    """Join columns into tab-separated text, in the order of the fields from `first` to `last`.

    Args:
        columns: field name, or `first:last` for a span of fields, to its column; fields that are not named stay empty.

    Returns:
        pyarrow string array of n rows, or a `str` where every column is constant.
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
    return pieces[0] if len(pieces) == 1 else pc.binary_join_element_wise(*pieces, "\t")


def timestamps(ms: npt.NDArray[np.int64]) -> Any:
    """Milliseconds since 1970 as Snowplow writes them, `yyyy-MM-dd HH:mm:ss.SSS`, UTC."""
    return pa.array(ms).cast(pa.timestamp("ms")).cast(pa.string())


def hex_strings(raw: npt.NDArray[np.uint8]) -> Any:
    """Rows of k random bytes as 2k lower-case hex digits."""
    return _fixed_width(_hex_digits(raw))


def uuids(raw: npt.NDArray[np.uint8]) -> Any:
    """Rows of 16 random bytes as version 4 UUIDs in their 36-character form."""
    raw = raw.copy()
    raw[:, 6] = (raw[:, 6] & 0x0F) | 0x40
    raw[:, 8] = (raw[:, 8] & 0x3F) | 0x80
    text = np.full((len(raw), 36), ord("-"), dtype=np.uint8)
    text[:, _UUID_PLACES] = _hex_digits(raw)
    return _fixed_width(text)


def _hex_digits(raw: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    digits = np.empty((raw.shape[0], raw.shape[1] * 2), dtype=np.uint8)
    digits[:, 0::2] = _HEX[raw >> 4]
    digits[:, 1::2] = _HEX[raw & 15]
    return digits


def _fixed_width(text: npt.NDArray[np.uint8]) -> Any:
    rows, width = text.shape
    offsets = np.arange(rows + 1, dtype=np.int32) * width
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(text)))


def part_path(landing: Path, run: datetime, part: int) -> Path:
    """`<landing>/run=YYYY-MM-DD-HH-MM-SS/part-NNNNN.gz`; the run time is when the batch was enriched."""
    return landing / f"run={run:%Y-%m-%d-%H-%M-%S}" / f"part-{part:05d}.gz"


def write_part(path: Path, text: Iterable[Any]) -> int:
    """Write one gzip part beside and swap it in; the same text gives the same bytes (no name, no time in the header).

    Args:
        text: bytes-like pieces, together whole lines.

    Returns:
        The part's size in bytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    data = gzip_bytes(*text)
    beside.write_bytes(data)
    beside.replace(path)
    return len(data)


def gzip_bytes(*text: Any) -> bytes:
    """One gzip member of all pieces, without name and time."""
    packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 31)
    return b"".join([*map(packer.compress, text), packer.flush()])
