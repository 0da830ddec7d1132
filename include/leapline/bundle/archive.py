"""Zip archives: read within limits, written canonically (the same content has the same bytes)."""

import hashlib
import io
import os
import stat
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from leapline.errors import BundleError
from leapline.storage import write_bytes

FilePath = str | os.PathLike[str]
"""The path of a file, as users write it."""

# These are the scorer's limits: it can read every archive that is written here.
MAX_ARCHIVE = 256 << 20
MAX_ENTRIES = 100_000
MAX_ENTRY = 64 << 20
MAX_BYTES = 1 << 30
MAX_RATIO = 500
"""Maximum ratio of uncompressed to compressed size, for entries larger than `RATIO_EXEMPT`."""
RATIO_EXEMPT = 16 << 20
"""Size in bytes up to which an entry may have any ratio: the coefficients of a sparse model compress well."""

# zipfile raises NotImplementedError for an unknown zip version or compression method.
_ZIP_ERRORS = (zipfile.BadZipFile, NotImplementedError)
_EPOCH = (1980, 1, 1, 0, 0, 0)
_LEVEL = 6
_UNIX = 3


def read_entries(path: FilePath) -> dict[str, bytes]:
    """Read all files of the zip archive at `path`.

    Returns:
        File name -> content, without folders.

    Raises:
        BundleError: the file is not a zip archive, is truncated or encrypted, or exceeds a limit; or the name of an
            entry points outside the archive.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > MAX_ARCHIVE:
            raise invalid_archive(path, "the zip file", f"{size} bytes, the limit is {MAX_ARCHIVE}")
        with zipfile.ZipFile(path) as archive:
            infos = [i for i in archive.infolist() if not i.is_dir()]
            _check_directory(path, infos)
            return {i.filename: _read(path, archive, i) for i in infos}
    except OSError as exc:
        raise BundleError(
            f"bundle {path}", found=exc.strerror or str(exc), expected="a readable zip file", fix="Correct the path."
        ) from exc
    except (*_ZIP_ERRORS, ValueError) as exc:
        raise invalid_archive(path, "the zip directory", str(exc)) from exc


def write_entries(path: FilePath, entries: Mapping[str, bytes]) -> str:
    """Write a canonical zip archive to a temporary file, then rename it to `path`.

    Returns:
        The SHA-256 of the archive, in hexadecimal digits.

    Raises:
        DiskFullError: the disk is full; no partial file remains.
        StorageError: `path` cannot be written.
    """
    data = pack(entries)
    write_bytes(Path(path), data)
    return hashlib.sha256(data).hexdigest()


def pack(entries: Mapping[str, bytes]) -> bytes:
    """Return a canonical zip archive: sorted names, dated 1980-01-01, one deflate level, no extra fields or folders."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for name in sorted(entries):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = _UNIX
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, entries[name])
    return out.getvalue()


def is_safe_name(name: str) -> bool:
    """Return whether the name of an entry stays inside the archive on every platform."""
    parts = name.split("/")
    return not any(part in ("", ".", "..") for part in parts) and not set(name) & set("\\:\0")


def invalid_archive(path: Path | str, entry: str, found: str) -> BundleError:
    """Return the error for an entry that cannot be used."""
    return BundleError(
        f"bundle {path}, {entry}",
        found=found,
        expected="a complete Bundle.ML archive within the reader's limits",
        fix="Write the bundle again; if it was copied, copy it again.",
    )


def _check_directory(path: Path, infos: list[zipfile.ZipInfo]) -> None:
    if len(infos) > MAX_ENTRIES:
        raise invalid_archive(path, "the zip directory", f"{len(infos)} entries, the limit is {MAX_ENTRIES}")
    total = sum(i.file_size for i in infos)
    if total > MAX_BYTES:
        raise invalid_archive(path, "the zip directory", f"{total} bytes uncompressed, the limit is {MAX_BYTES}")
    seen = set[str]()
    for info in infos:
        if not is_safe_name(info.orig_filename):
            raise invalid_archive(path, f"entry {info.orig_filename!r}", "a name that points outside the archive")
        if info.filename in seen:
            raise invalid_archive(path, f"entry {info.filename}", "a duplicate name")
        seen.add(info.filename)
        if info.flag_bits & 1:
            raise invalid_archive(path, f"entry {info.filename}", "an encrypted entry")
        if info.file_size > MAX_ENTRY or info.file_size > max(RATIO_EXEMPT, MAX_RATIO * info.compress_size):
            raise invalid_archive(
                path, f"entry {info.filename}", f"{info.compress_size} bytes that decompress to {info.file_size}"
            )


def _read(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    try:
        with archive.open(info) as stream:
            # The size in the directory may be wrong: read at most one byte more than that.
            data = stream.read(info.file_size + 1)
    except (*_ZIP_ERRORS, zlib.error, EOFError) as exc:
        raise invalid_archive(path, f"entry {info.filename}", str(exc) or "truncated") from exc
    if len(data) != info.file_size:
        raise invalid_archive(
            path, f"entry {info.filename}", f"at least {len(data)} bytes, the zip directory lists {info.file_size}"
        )
    return data
