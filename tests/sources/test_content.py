"""The form of a file is recognised from its content, and forms that Spark cannot read are named with a fix."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leapline.sources.landed.content import recognise

TEXT = b"shop\tweb\t2026-03-02 10:00:00.000\tGr\xc3\xbc\xc3\x9fe\n" * 50


def gzipped(data: bytes) -> bytes:
    """Compress without a time, so that parallel test processes collect the same test ids."""
    return gzip.compress(data, mtime=0)


def zstd(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


def block(data: bytes, packed: bytes) -> bytes:
    """Hadoop's block: the length of the data, the length of its only chunk, the chunk."""
    return len(data).to_bytes(4) + len(packed).to_bytes(4) + packed


def parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"event_id": ["a"]}), out)
    return out.getvalue()


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("part-0"), TEXT)
    return out.getvalue()


def tarred() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo("part-0")
        entry.size = len(TEXT)
        archive.addfile(entry, io.BytesIO(TEXT))
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "extension"),
    [
        (b"", ""),
        (TEXT, ""),
        (b"one line without end", ""),
        (b"\xef\xbb\xbf" + TEXT, ""),
        (TEXT.replace(b"web", b"w\0b", 2), ""),
        (gzipped(TEXT), ".gz"),
        (gzipped(b""), ".gz"),
        (gzipped(TEXT) + gzipped(TEXT), ".gz"),
        (gzipped(TEXT * 5000)[:70_000], ".gz"),
        (bz2.compress(TEXT), ".bz2"),
        (zstd(TEXT), ".zst"),
        (zlib.compress(TEXT), ".deflate"),
        (block(TEXT, bytes(pa.compress(TEXT, codec="snappy", asbytes=True))), ".snappy"),
        (block(TEXT, bytes(pa.compress(TEXT, codec="lz4_raw", asbytes=True))), ".lz4"),
    ],
)
def test_readable_content_has_the_extension_that_spark_needs(data: bytes, extension: str) -> None:
    assert recognise(io.BytesIO(data)).extension == extension


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (gzipped(gzipped(TEXT)), "gzip data that contains gzip data (compressed twice)"),
        (gzipped(zstd(TEXT)), "gzip data that contains zstd data (compressed twice)"),
        (bz2.compress(gzipped(TEXT)), "bzip2 data that contains gzip data (compressed twice)"),
        (zstd(parquet()), "zstd data that contains a Parquet file"),
        (gzipped(tarred()), "gzip data that contains a tar archive"),
        (bytes(pa.compress(TEXT, codec="lz4", asbytes=True)), "lz4 data in the frame format"),
        (b"\xff\x06\x00\x00sNaPpY" + TEXT, "snappy data in the framing format"),
        (b"\x89LZO\x00\r\n\x1a\n" + bytes(40), "lzo data"),
        (lzma.compress(TEXT), "xz data"),
        (zipped(), "a zip archive"),
        (tarred(), "a tar archive"),
        (parquet(), "a Parquet file"),
        (b"ORC\x0a\x00\x01" + bytes(100), "an ORC file"),
        (b"Obj\x01" + bytes(40), "an Avro file"),
        (TEXT.decode().encode("utf-16"), "UTF-16 text"),
        (b'{"event_id": "a"}\n' * 9, "JSON"),
        (b"<?xml version='1.0'?><Error>AccessDenied</Error>", "XML or HTML"),
        (bytes(range(256)) * 20, "binary data of an unknown form"),
    ],
)
def test_unreadable_content_is_named_with_a_fix(data: bytes, name: str) -> None:
    content = recognise(io.BytesIO(data))
    assert content.extension is None
    assert content.name.startswith(name)
    assert content.fix
