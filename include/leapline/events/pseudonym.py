"""Keyed pseudonyms: HMAC-SHA-256 (RFC 2104) as Spark SQL functions."""

import hashlib
from typing import Final

from pyspark.sql import Column
from pyspark.sql import functions as F

_BLOCK: Final = 64
_INNER, _OUTER = "_key_inner", "_key_outer"


def padded(key: bytes) -> dict[str, bytes]:
    """Return the key's two padded forms for `with_constants`: as columns they do not appear in a query plan."""
    block = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    return {_INNER: bytes(b ^ 0x36 for b in block), _OUTER: bytes(b ^ 0x5C for b in block)}


def pseudonym(text: Column) -> Column:
    """Return the HMAC-SHA-256 of a text's UTF-8 bytes: 32 bytes, null for null. Requires the columns of `padded`."""
    inner = F.unhex(F.sha2(F.concat(F.col(_INNER), text.cast("binary")), 256))
    return F.unhex(F.sha2(F.concat(F.col(_OUTER), inner), 256))
