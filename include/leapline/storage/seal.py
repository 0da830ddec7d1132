"""The digest of an attempt's files, and the seal that records it: `seal.json`, the last file of an attempt."""

import hashlib
from pathlib import Path
from typing import Final

from leapline.storage.attempt_files import Folder, is_own
from leapline.storage.lake import Lake

SEAL: Final = "seal.json"
_CHUNK: Final = 1 << 20


def digest_of(lake: Lake, folder: Folder) -> str:
    """Return the SHA-256 over names, lengths and contents of an attempt's files but the seal and the lake's own."""
    digest, copy = hashlib.sha256(), lake.copy(folder)
    files = (path for path in copy.rglob("*") if path.is_file() and path.name != SEAL and not is_own(path.name))
    for file in sorted(files):
        digest.update(f"{file.relative_to(copy).as_posix()}\0{file.stat().st_size}\0".encode())
        _add(digest, file)
    return f"sha256:{digest.hexdigest()}"


def _add(digest: "hashlib._Hash", file: Path) -> None:
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
