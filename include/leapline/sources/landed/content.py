"""The form of a file's content, recognised from its first bytes, whatever its name.

Sources of the signatures: the formats' specifications; Hadoop's block form of snappy and lz4 has none and is recognised
by its two big-endian lengths.
"""

import bz2
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Final

HEAD: Final = 64 * 1024
"""Bytes that are read from the start of a file."""
_MAX_CONTROL_SHARE: Final = 0.05
_MAX_BLOCK: Final = 2**28

_REPACK: Final = "Decompress it and compress it with gzip, zstd or bzip2, or land plain text."
_CONVERT: Final = "Let the loader write the enriched events as tab-separated lines, or land them in another folder."
_TWICE: Final = "Decompress it once, for example `zcat FILE | zcat | gzip > NEW`, and replace the file."
_FETCH: Final = "Fetch the file again, or remove it from the landing folder if it is not Snowplow's."


@dataclass(frozen=True)
class Content:
    """The form of a file's content.

    Args:
        name: the form's name in messages.
        extension: the file name extension by which it is opened (`""` for plain text); None if it cannot be.
        fix: what the operator does with a file that cannot be opened.
    """

    name: str
    extension: str | None = None
    fix: str = _FETCH


PLAIN: Final = Content("plain text", "")

_SIGNATURES: Final[tuple[tuple[bytes, Content], ...]] = (
    (b"\x1f\x8b", Content("gzip data", ".gz")),
    (b"BZh", Content("bzip2 data", ".bz2")),
    (b"\x28\xb5\x2f\xfd", Content("zstd data", ".zst")),
    (b"\xff\x06\x00\x00sNaPpY", Content("snappy data in the framing format", None, _REPACK)),
    (b"\x82SNAPPY\x00", Content("snappy data of snappy-java", None, _REPACK)),
    (b"\x04\x22\x4d\x18", Content("lz4 data in the frame format", None, _REPACK)),
    (b"\x02\x21\x4c\x18", Content("lz4 data in the legacy frame format", None, _REPACK)),
    (b"\x89LZO\x00\r\n\x1a\n", Content("lzo data", None, _REPACK)),
    (b"\xfd7zXZ\x00", Content("xz data", None, _REPACK)),
    (b"\x1f\x9d", Content("data of Unix compress", None, _REPACK)),
    (b"7z\xbc\xaf\x27\x1c", Content("a 7z archive", None, _REPACK)),
    (b"PK\x03\x04", Content("a zip archive", None, _REPACK)),
    (b"PAR1", Content("a Parquet file", None, _CONVERT)),
    (b"ORC", Content("an ORC file", None, _CONVERT)),
    (b"Obj\x01", Content("an Avro file", None, _CONVERT)),
    (b"SEQ\x06", Content("a Hadoop sequence file", None, _CONVERT)),
    (b"\xff\xfe", Content("UTF-16 text", None, _CONVERT)),
    (b"\xfe\xff", Content("UTF-16 text", None, _CONVERT)),
    (b"%PDF", Content("a PDF document")),
)
_ZLIB: Final = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")


def recognise(file: BinaryIO) -> Content:
    """Return the form of a file's content, looking inside compressed data as well.

    Args:
        file: the file, at its start.
    """
    outer = _form(file.read(HEAD))
    if outer.extension not in _DECOMPRESSORS:
        return outer
    file.seek(0)
    head = _DECOMPRESSORS[outer.extension](file)
    inner = _form(head) if head else PLAIN
    if inner.extension == "":
        return outer
    if inner.extension is not None:
        return Content(f"{outer.name} that contains {inner.name} (compressed twice)", None, _TWICE)
    return Content(f"{outer.name} that contains {inner.name}", None, inner.fix)


def _form(head: bytes) -> Content:
    for signature, content in _SIGNATURES:
        if head.startswith(signature) and (signature != b"ORC" or not _is_text(head)):
            return content
    if head[257:262] == b"ustar":
        return Content("a tar archive", None, _REPACK)
    if head.startswith(_ZLIB) and _inflated(head):
        return Content("zlib data", ".deflate")
    return _hadoop_block(head) or _text_form(head)


def _text_form(head: bytes) -> Content:
    if not _is_text(head):
        return Content(f"binary data of an unknown form (it starts with {head[:8]!r})")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if b"\t" not in head and start[:1] in (b"{", b"["):
        return Content("JSON", None, _CONVERT)
    if b"\t" not in head and start[:1] == b"<":
        return Content("XML or HTML")
    return PLAIN


def _is_text(head: bytes) -> bool:
    control = sum(byte < 9 or 13 < byte < 32 for byte in head)
    return control <= max(2, len(head) * _MAX_CONTROL_SHARE)


def _hadoop_block(head: bytes) -> Content | None:
    """Recognise Hadoop's blocks: the length of the data, then the length of the first compressed chunk, then it."""
    plain, packed = int.from_bytes(head[:4]), int.from_bytes(head[4:8])
    if len(head) < 10 or not 0 < plain <= _MAX_BLOCK or not 0 < packed <= plain + plain // 6 + 64:
        return None
    if _is_text(head[:8]) and head[0]:
        return None
    is_snappy = _varint(head[8:13]) == plain
    return Content("snappy data in Hadoop's blocks", ".snappy") if is_snappy else _lz4_block(head)


def _lz4_block(head: bytes) -> Content | None:
    """An lz4 chunk begins with a token whose upper half is the number of literal bytes that follow."""
    return Content("lz4 data in Hadoop's blocks", ".lz4") if head[0] == 0 and head[8] >= 0x10 else None


def _varint(data: bytes) -> int:
    value = 0
    for place, byte in enumerate(data):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            break
    return value


def _inflated(head: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(head, HEAD)
    except zlib.error:
        return b""


def _gunzipped(file: BinaryIO) -> bytes:
    try:
        return zlib.decompressobj(31).decompress(file.read(HEAD), HEAD)
    except zlib.error:
        return b""  # Spark reports the damage when it reads the file.


def _bunzipped(file: BinaryIO) -> bytes:
    try:
        with bz2.BZ2File(file) as content:
            return content.read(HEAD)
    except (OSError, EOFError):
        return b""


def _unzstd(file: BinaryIO) -> bytes:
    import pyarrow as pa

    try:
        return bytes(pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd").read(HEAD))
    except OSError:
        return b""


_DECOMPRESSORS: Final[dict[str | None, Callable[[BinaryIO], bytes]]] = {
    ".gz": _gunzipped,
    ".bz2": _bunzipped,
    ".zst": _unzstd,
    ".deflate": lambda file: _inflated(file.read(HEAD)),
}
