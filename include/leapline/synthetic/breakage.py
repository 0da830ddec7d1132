"""Damaging lines the way transport, loaders and hand-made exports do."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from leapline.snowplow.batches import text_of

KINDS: Final = ("truncated", "narrow", "wide", "not_utf8", "nul", "garbage")


def with_damage(rng: np.random.Generator, lines: Any, broken: npt.NDArray[np.bool_]) -> Iterator[Any]:
    """Yield the bytes of lines, with some of them damaged.

    Args:
        lines: pyarrow string array, line ends included.
        broken: whether to damage the line, shape (lines,).
    """
    begin = 0
    for row in np.flatnonzero(broken).tolist():
        yield text_of(lines, begin, row)
        yield damage(rng, text_of(lines, row, row + 1).to_pybytes().rstrip(b"\n")).replace(b"\n", b" ") + b"\n"
        begin = row + 1
    yield text_of(lines, begin, len(lines))


def damage(rng: np.random.Generator, line: bytes) -> bytes:
    """Return a copy of a line, damaged in one of the ways of `KINDS`, without line ends."""
    kind = KINDS[int(rng.integers(len(KINDS)))]
    columns = line.split(b"\t")
    if kind == "truncated":
        return line[: int(rng.integers(20, len(line) // 2))]
    if kind == "narrow":
        return b"\t".join(columns[: -int(rng.integers(1, 20))])
    if kind == "wide":
        return b"\t".join([*columns, *[b"x"] * int(rng.integers(1, 5))])
    if kind == "not_utf8":
        return b"\t".join([*columns[:30], b"caf\xe9 \xff\xfe", *columns[31:]])
    if kind == "nul":
        return b"\t".join([*columns[:30], b"\x00\x00", *columns[31:]])
    return rng.integers(33, 256, 200, dtype=np.uint8).tobytes()
