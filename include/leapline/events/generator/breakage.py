"""Damaging lines the way transport, loaders and hand-made exports do."""

from typing import Final

import numpy as np

KINDS: Final = ("truncated", "narrow", "wide", "not_utf8", "nul", "garbage")


def damage(rng: np.random.Generator, line: bytes) -> bytes:
    """A damaged copy of a line, in one of `KINDS`, without line ends."""
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
