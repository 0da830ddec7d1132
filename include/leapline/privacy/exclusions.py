"""The visitors whose events no run may read again, as pseudonyms under the installation's key."""

from collections.abc import Collection
from datetime import date
from typing import Final

from leapline.errors import StorageError
from leapline.storage import Lake, json_bytes, parse_json, read_document
from leapline.storage.store import update

KEY: Final = "excluded-visitors.json"
"""A document of the lake: pseudonym -> the day of the request, ISO 8601."""


def excluded_visitors(lake: Lake) -> dict[str, str]:
    """Return pseudonym -> day of the request.

    Raises:
        StorageError: the list is damaged; without it no run may read events.
    """
    content = read_document(lake.store, KEY)
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(_is_pseudonym(name) for name in content):
        raise StorageError(
            f"{lake.store.address}/{KEY}",
            found="something else than pseudonyms with days",
            expected="the visitors whose events must not be read",
            fix="Restore the file from a copy; without it, erased visitors would return.",
        )
    return content


def exclude(lake: Lake, visitors: Collection[str], day: date) -> None:
    """Add visitors to the list; a visitor who is on it keeps the first day."""

    def extended(present: bytes | None) -> bytes | None:
        content: dict[str, str] = parse_json(present, KEY) if present else {}
        missing = {name: day.isoformat() for name in visitors if name not in content}
        return json_bytes(content | missing) if missing else None

    update(lake.store, KEY, extended)


def _is_pseudonym(name: str) -> bool:
    return len(name) == 64 and set(name) <= set("0123456789abcdef")
