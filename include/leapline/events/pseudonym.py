"""Keyed pseudonyms: HMAC-SHA-256 (RFC 2104) as Spark SQL functions."""

import hashlib
from typing import Final

from pyspark.sql import Column
from pyspark.sql import functions as F

_BLOCK: Final = 64
_INNER, _OUTER = "key_inner", "key_outer"
PRESENT, FORMER = "_", "_former_"
"""Prefixes of the columns with the keys."""


def padded(key: bytes, which: str = PRESENT) -> dict[str, bytes]:
    """Return the key's two padded forms for `with_constants`: as columns they do not appear in a query plan."""
    block = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    return {which + _INNER: bytes(b ^ 0x36 for b in block), which + _OUTER: bytes(b ^ 0x5C for b in block)}


def pseudonym(text: Column, which: str = PRESENT) -> Column:
    """Return the HMAC-SHA-256 of a text's UTF-8 bytes: 32 bytes, null for null. Requires the columns of `padded`."""
    inner = F.unhex(F.sha2(F.concat(F.col(which + _INNER), text.cast("binary")), 256))
    return F.unhex(F.sha2(F.concat(F.col(which + _OUTER), inner), 256))
