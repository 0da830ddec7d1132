"""Keyed pseudonyms: HMAC-SHA-256 (RFC 2104) as Spark SQL functions.

The key's two padded forms come in as columns of a one-row table that is broadcast, never as literals: a plan, its
text in the history server and the logs then hold column names only.
"""

import hashlib
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

_BLOCK: Final = 64
_INNER, _OUTER = "_key_inner", "_key_outer"


def with_key(frame: DataFrame, key: bytes) -> DataFrame:
    """The frame with the two padded keys in every row, for `pseudonym`; select them away afterwards."""
    block = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    inner, outer = (bytearray(b ^ pad for b in block) for pad in (0x36, 0x5C))
    keys = frame.sparkSession.createDataFrame([(inner, outer)], f"{_INNER} binary, {_OUTER} binary")
    return frame.crossJoin(F.broadcast(keys))


def pseudonym(text: Column) -> Column:
    """HMAC-SHA-256 of a text's UTF-8 bytes: 32 bytes, null for null. Needs the columns of `with_key`."""
    inner = F.unhex(F.sha2(F.concat(F.col(_INNER), text.cast("binary")), 256))
    return F.unhex(F.sha2(F.concat(F.col(_OUTER), inner), 256))
