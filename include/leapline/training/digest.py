"""A digest of examples that depends on their rows, but not on their order or partitions."""

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

HASHES = ("_hash", "_short_hash")
"""Columns with two hashes of a row."""
AGGREGATES = ("count(1)", f"bit_xor({HASHES[0]})", f"sum(CAST({HASHES[1]} AS BIGINT))")
"""SQL of what the digest is made of, over `HASHES`."""


def row_hashes(examples: "DataFrame") -> list[str]:
    """Return SQL of the columns `HASHES` over all columns of the examples."""
    columns = ", ".join(f"`{name}`" for name in sorted(examples.columns))
    return [f"xxhash64({columns}) AS {HASHES[0]}", f"hash({columns}) AS {HASHES[1]}"]


def digest_of(*aggregated: int | None) -> str:
    """Return the digest from the values of `AGGREGATES`."""
    return hashlib.sha256(":".join(map(str, aggregated)).encode()).hexdigest()[:16]


def content_digest(examples: "DataFrame") -> str:
    """Return a digest of the rows: their number, and sums of hashes."""
    return digest_of(*(examples.selectExpr(*row_hashes(examples)).selectExpr(*AGGREGATES).head() or ()))
