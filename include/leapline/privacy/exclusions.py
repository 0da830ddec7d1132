"""The visitors whose events no run may read again, as pseudonyms under the installation's key."""

from collections.abc import Collection
from datetime import date
from typing import Any, Final

from leapline.errors import StorageError
from leapline.storage import Lake, read_document
from leapline.storage.store import update_document

KEY: Final = "excluded-visitors.json"
"""A document of the lake: pseudonym -> the day of the request, ISO 8601."""
_RESTORE: Final = "Restore the file from a copy; without it, erased visitors would return."


def excluded_visitors(lake: Lake) -> dict[str, str]:
    """Return pseudonym -> day of the request.

    Raises:
        StorageError: the list is damaged; without it no run may read events.
    """
    return _checked(lake, read_document(lake.store, KEY, _RESTORE))


def _checked(lake: Lake, content: Any) -> dict[str, str]:
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(_is_pseudonym(name) for name in content):
        raise StorageError(
            f"{lake.store.address}/{KEY}",
            found="something else than pseudonyms with days",
            expected="the visitors whose events must not be read",
            fix=_RESTORE,
        )
    return content


def exclude(lake: Lake, visitors: Collection[str], day: date) -> None:
    """Add visitors to the list; a visitor who is on it keeps the first day.

    Raises:
        StorageError: the list is damaged, and stays as it is.
    """

    def extended(present: Any) -> dict[str, str] | None:
        content = _checked(lake, present)
        missing = {name: day.isoformat() for name in visitors if name not in content}
        return content | missing if missing else None

    update_document(lake.store, KEY, extended, _RESTORE)


def _is_pseudonym(name: str) -> bool:
    return len(name) == 64 and set(name) <= set("0123456789abcdef")
