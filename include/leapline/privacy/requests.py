"""Requests for erasure: files with visitor ids in the lake, which are removed once the ids are erased.

The ids come in files and not as arguments or params, which would be kept in the shell's history, in lists of processes
and in Airflow's database.
"""

import uuid
from dataclasses import dataclass, field
from typing import Final

from leapline.errors import ErasureError
from leapline.storage import Lake

FOLDER: Final = "erasure-requests"
MAX_BYTES: Final = 2**20
MAX_ID: Final = 512


@dataclass(frozen=True)
class ErasureRequests:
    """The requests in a lake.

    Attributes:
        keys: of the files, in order.
        ids: the visitors' ids in them, each once, in order.
    """

    keys: tuple[str, ...]
    ids: tuple[str, ...] = field(repr=False)


def add_request(lake: Lake, content: bytes, name: str = "the request") -> str:
    """Store a request, after a look at its content; return its key.

    Raises:
        ErasureError: it is not text with an id on each line.
    """
    parse_request(content, name)
    key = f"{FOLDER}/{uuid.uuid4().hex[:12]}.txt"
    lake.store.put(key, content)
    return key


def read_requests(lake: Lake) -> ErasureRequests:
    """Read all requests; names that begin with a dot are left out.

    Raises:
        ErasureError: a file is not text with an id on each line.
    """
    keys = sorted(item.key for item in lake.store.list(FOLDER) if not item.key.rpartition("/")[2].startswith("."))
    stored = {key: lake.store.get(key) for key in keys}
    ids = {name: None for key, file in stored.items() if file for name in parse_request(file.content, key)}
    return ErasureRequests(tuple(key for key in keys if stored[key]), tuple(ids))


def remove_requests(lake: Lake, requests: ErasureRequests) -> None:
    """Remove the files of requests."""
    for key in requests.keys:
        lake.store.delete(key)


def parse_request(content: bytes, name: str) -> list[str]:
    """Return the ids in a request.

    Args:
        content: UTF-8, one id per line.
        name: of the request, for the error.

    Raises:
        ErasureError: it has another form.
    """
    problem = _problem(content)
    if problem:
        raise ErasureError(
            name,
            found=problem,
            expected="a text file with one visitor id per line",
            fix="Correct the file, or remove it, and run the erasure again; nothing was erased.",
        )
    return [line.strip() for line in content.decode().splitlines() if line.strip()]


def _problem(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        return f"{len(content):,} bytes, more than {MAX_BYTES:,}"
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError:
        return "bytes that are not UTF-8"
    wrong = [number for number, line in enumerate(lines, 1) if len(line) > MAX_ID or "\0" in line]
    if wrong:
        return f"no id on line {wrong[0]}"
    return "" if any(line.strip() for line in lines) else "no id"
