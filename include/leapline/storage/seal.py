"""The seal of an attempt: the digests of its files, in its last file, `seal.json`.

    {"digest": of all files but the tables, "tables": {name: digest}, "inputs": {...}, "sources": {...},
     "seal": digest of all this}

Tables are folders that Spark writes, possibly large. In a bucket, their digest is made of the names, sizes and ETags of
their files, so that nothing has to be transferred; in a folder, of their content.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from leapline.errors import StorageError
from leapline.storage.attempt_files import Folder, is_own
from leapline.storage.files import json_bytes, read_json, write_json
from leapline.storage.lake import Lake

SEAL: Final = "seal.json"
_CHUNK: Final = 1 << 20
_LEAST_PARQUET: Final = 12
"""Bytes of the smallest Parquet file. Spark reads an empty file as a table without rows."""
_SELF: Final = "seal"
_KEYS: Final = frozenset({"digest", "inputs", "sources", "tables"})
_BY_CONTENT, _BY_ETAG = "sha256", "etags"


def digest_of(lake: Lake, folder: Folder) -> str:
    """Return the SHA-256 over names, lengths and contents of an attempt's files but the seal and the lake's own."""
    copy = lake.copy(folder)
    return _content_digest(copy, _files(copy))


def write_data_seal(lake: Lake, folder: Path, tables: Sequence[str], sources: Mapping[str, str]) -> None:
    """Write the seal of an attempt with tables; the last thing that a step writes into it.

    Args:
        lake: has the attempt.
        folder: the attempt, not committed yet.
        tables: names of its tables, which Spark has written.
        sources: what it was made of, for the record: digests by dataset and day.
    """
    seal = {
        "digest": _small_files_digest(folder, tables),
        "tables": {name: _table_digest(lake, folder, name) for name in tables},
        "sources": dict(sources),
    }
    write_seal(folder, seal)


def write_seal(folder: Path, content: dict[str, Any]) -> None:
    """Write a seal with a digest of itself, so that a change of it is noticed too."""
    write_json(folder / SEAL, content | {_SELF: _digest_of_seal(content)})


def read_seal(folder: Folder) -> dict[str, Any]:
    """Return the content of a seal.

    Raises:
        StorageError: it is missing, damaged or was changed.
    """
    path = folder / SEAL
    content: dict[str, Any] = read_json(path)
    recorded = content.pop(_SELF, None) if isinstance(content, dict) else ""
    # Earlier versions wrote no digest of the seal.
    if recorded not in (None, _digest_of_seal(content)) or set(content) - _KEYS:
        raise StorageError(
            str(path), found="another content than was written", expected="an unchanged seal", fix="Run its step again."
        )
    return content


def _digest_of_seal(content: Any) -> str:
    return f"{_BY_CONTENT}:{hashlib.sha256(json_bytes(content)).hexdigest()}"


def changed_part(lake: Lake, folder: Folder) -> str:
    """Return which part of a committed attempt with tables has changed since it was sealed; empty if none has.

    An attempt without a seal, which an earlier version has written, counts as unchanged, unless a file is cut short. So
    does a table that was sealed in a bucket and is now in a folder, or the other way around, because its digest cannot
    be computed there.
    """
    if next(iter(lake.files(folder)), None) is None:
        return "files, which are missing"
    if not (folder / SEAL).exists():
        short = any(item.key.endswith(".parquet") and item.size < _LEAST_PARQUET for item in lake.files(folder))
        return "table, of which a file is cut short" if short else ""
    try:
        seal = read_seal(folder)
        tables: dict[str, str] = seal.get("tables", {})
    except (StorageError, AttributeError):
        return "seal"
    changed = [name for name, digest in tables.items() if not _same_table(lake, folder, name, digest)]
    if changed:
        return f"table {changed[0]}"
    return "" if _current_digest(lake, folder, list(tables)) == seal.get("digest") else "files"


def recorded_sources(folder: Folder) -> dict[str, str]:
    """Return what an attempt was made of, as its seal records it; nothing without a seal."""
    sources: dict[str, str] = read_seal(folder).get("sources", {}) if (folder / SEAL).exists() else {}
    return sources


def sealed_tables(folder: Folder) -> list[str]:
    """Return the tables of an attempt, as its seal records them; none without a seal."""
    return list(read_seal(folder).get("tables", {})) if (folder / SEAL).exists() else []


def seal_digest(folder: Folder) -> str:
    """Return the digest of an attempt's seal, which stands for its content; its name without a seal."""
    path = folder / SEAL
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}" if path.exists() else folder.name


def _current_digest(lake: Lake, folder: Folder, tables: Sequence[str]) -> str:
    """The files beside the tables are few and small, so those of a bucket are fetched."""
    for item in lake.files(folder):
        name = item.key.rpartition(f"/{folder.name}/")[2]
        if name.split("/")[0] not in tables:
            _ = folder / name
    return _small_files_digest((folder / SEAL).parent, tables)


def _small_files_digest(folder: Path, tables: Sequence[str]) -> str:
    return _content_digest(folder, (f for f in _files(folder) if f.relative_to(folder).parts[0] not in tables))


def _same_table(lake: Lake, folder: Folder, name: str, digest: str) -> bool:
    present = _table_digest(lake, folder, name)
    return present == digest or present.split(":")[0] != digest.split(":")[0]


def _table_digest(lake: Lake, folder: Folder, name: str) -> str:
    if lake.store.folder is not None:
        return _content_digest(folder / name, _files(folder / name))
    digest = hashlib.sha256()
    for item in sorted(lake.files(folder), key=lambda item: item.key):
        path = item.key.rpartition(f"/{folder.name}/")[2]
        if path.split("/")[0] == name:
            digest.update(f"{path}\0{item.size}\0{item.version}\0".encode())
    return f"{_BY_ETAG}:{digest.hexdigest()}"


def _files(folder: Path) -> list[Path]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != SEAL and not is_own(path.name))
    return sorted(files)


def _content_digest(folder: Path, files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(folder).as_posix()}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as content:
            while chunk := content.read(_CHUNK):
                digest.update(chunk)
    return f"{_BY_CONTENT}:{digest.hexdigest()}"
