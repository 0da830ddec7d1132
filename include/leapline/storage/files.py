"""Local files that are written as a whole or not at all, and errors that name them."""

import atexit
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from leapline.errors import StorageError
from leapline.storage.disk import code_of, disk_full, is_full, size_of

RUN_AGAIN: Final = "Run the step that writes it again."


def read_json(path: Path, fix: str = RUN_AGAIN) -> Any:
    """Return the content of a JSON file.

    Args:
        path: the file.
        fix: what to do about a missing or malformed file, for the error.

    Raises:
        StorageError: the file is missing or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise StorageError(str(path), found=str(exc), expected="a JSON file", fix=fix) from exc


def parse_json(content: bytes, thing: str, fix: str = RUN_AGAIN) -> Any:
    """Return the content of a JSON document that was read from a store.

    Args:
        content: the document.
        thing: its name, for the error.
        fix: what to do about a malformed document, for the error.

    Raises:
        StorageError: it is not JSON.
    """
    try:
        return json.loads(content)
    except ValueError as exc:
        raise StorageError(thing, found=str(exc), expected="a JSON file", fix=fix) from exc


def json_bytes(content: Any) -> bytes:
    """Return JSON with sorted keys and a final newline, so that equal content has equal bytes."""
    return (json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def write_json(path: Path, content: Any) -> None:
    """Write JSON with sorted keys, as `write_bytes` does."""
    write_bytes(path, json_bytes(content))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically: to a temporary file first, which then replaces the target.

    Raises:
        DiskFullError: no space was left.
        StorageError: the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    with named_os_errors(str(path), path.parent, needed=len(content)):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def temporary_folder(prefix: str) -> Path:
    """Return a new folder that is removed when this process ends."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@contextmanager
def named_os_errors(thing: str, folder: Path, needed: int = 0, begun: Path | None = None) -> Iterator[None]:
    """Turn errors of the operating system into errors that name `thing` and `folder`.

    Args:
        thing: what is read or written.
        folder: where.
        needed: bytes that are written; 0 if they are not known before.
        begun: folder with what is written already, if `needed` is not known.

    Raises:
        DiskFullError: no space was left.
        StorageError: another error of the operating system.
    """
    try:
        yield
    except OSError as exc:
        if is_full(exc):
            size = size_of(begun) if begun else 0
            text = f"{needed:,}" if needed else f"more than {size:,}" if size else ""
            raise disk_full(thing, [folder], text, code_of(exc)) from exc
        raise StorageError(
            thing,
            found=str(exc),
            expected=f"a writable folder: {folder}",
            fix="Check the path and its permissions.",
        ) from exc
