"""The zip: read with limits, written canonically (same content, same bytes)."""

import hashlib
import io
import stat
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from leapline.errors import BundleError
from leapline.storage import write_bytes

# The scorer's own limits, so that what is written here is read there.
MAX_ARCHIVE = 256 << 20
MAX_ENTRIES = 100_000
MAX_ENTRY = 64 << 20
MAX_BYTES = 1 << 30
MAX_RATIO = 500
"""Unpacked to packed size of one entry above a mebibyte."""

# The latter is what zipfile raises for a version or a compression that it does not know.
_DAMAGE = (zipfile.BadZipFile, NotImplementedError)
_EPOCH = (1980, 1, 1, 0, 0, 0)
_LEVEL = 6
_UNIX = 3


def read_entries(path: Path) -> dict[str, bytes]:
    """Every file in the zip at `path`, by name; folders are left out.

    Raises:
        BundleError: not a zip, cut, encrypted, beyond the limits, or an entry whose name leaves the archive.
    """
    try:
        size = path.stat().st_size
        if size > MAX_ARCHIVE:
            raise damaged(path, "the zip file", f"{size} bytes, more than {MAX_ARCHIVE}")
        with zipfile.ZipFile(path) as archive:
            infos = [i for i in archive.infolist() if not i.is_dir()]
            _check_directory(path, infos)
            return {i.filename: _read(path, archive, i) for i in infos}
    except OSError as exc:
        raise BundleError(
            f"bundle {path}", found=exc.strerror or str(exc), expected="a readable zip file", fix="Correct the path."
        ) from exc
    except (*_DAMAGE, ValueError) as exc:
        raise damaged(path, "the zip directory", str(exc)) from exc


def write_entries(path: Path, entries: Mapping[str, bytes]) -> str:
    """Writes the zip beside `path` and swaps it in. Gives its SHA-256, hex.

    Raises:
        DiskFullError: no space; nothing is left behind.
        StorageError: `path` cannot be written.
    """
    data = pack(entries)
    write_bytes(path, data)
    return hashlib.sha256(data).hexdigest()


def pack(entries: Mapping[str, bytes]) -> bytes:
    """The canonical zip: names sorted, 1980-01-01, one deflate level, no extra fields, no folders."""
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
    """Whether an entry's name stays within the archive on every platform."""
    parts = name.split("/")
    return not any(part in ("", ".", "..") for part in parts) and not set(name) & set("\\:\0")


def damaged(path: Path | str, entry: str, found: str) -> BundleError:
    """The error for one unusable entry."""
    return BundleError(
        f"bundle {path}, {entry}",
        found=found,
        expected="a whole Bundle.ML archive within the reader's limits",
        fix="Write the bundle again, or fetch it again if it was copied.",
    )


def _check_directory(path: Path, infos: list[zipfile.ZipInfo]) -> None:
    if len(infos) > MAX_ENTRIES:
        raise damaged(path, "the zip directory", f"{len(infos)} entries, more than {MAX_ENTRIES}")
    total = sum(i.file_size for i in infos)
    if total > MAX_BYTES:
        raise damaged(path, "the zip directory", f"{total} bytes unpacked, more than {MAX_BYTES}")
    seen = set[str]()
    for info in infos:
        if not is_safe_name(info.orig_filename):
            raise damaged(path, f"entry {info.orig_filename!r}", "a name that leaves the archive")
        if info.filename in seen:
            raise damaged(path, f"entry {info.filename}", "the same name twice")
        seen.add(info.filename)
        if info.flag_bits & 1:
            raise damaged(path, f"entry {info.filename}", "an encrypted entry")
        if info.file_size > MAX_ENTRY or info.file_size > max(1 << 20, MAX_RATIO * info.compress_size):
            raise damaged(path, f"entry {info.filename}", f"{info.compress_size} bytes that unpack to {info.file_size}")


def _read(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    try:
        with archive.open(info) as stream:
            # The directory's size is only a claim: stop one byte past it, whatever the stream still holds.
            data = stream.read(info.file_size + 1)
    except (*_DAMAGE, zlib.error, EOFError) as exc:
        raise damaged(path, f"entry {info.filename}", str(exc) or "cut") from exc
    if len(data) != info.file_size:
        raise damaged(
            path, f"entry {info.filename}", f"{len(data)} bytes or more where {info.file_size} were announced"
        )
    return data
