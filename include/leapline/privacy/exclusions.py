"""The visitors whose events no run may read again, as pseudonyms under the installation's key.

An erasure can begin while a run is at work. The step that it meets commits nothing, because it may have read the
visitors before they were on the list; a candidate remembers the list with which it was trained, and is published only
while that is the present one. So the receipt of the erasure names every published model that predates it.
"""

import hashlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any, Final

from leapline.errors import ErasedMeanwhileError, InputChangedError, StorageError
from leapline.storage import Lake, read_document
from leapline.storage.commit_guard import guarded_commits
from leapline.storage.seal import recorded_sources
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


@contextmanager
def unchanged_exclusions(lake: Lake) -> Iterator[dict[str, str]]:
    """Let the block commit nothing once the list is another one than at its beginning.

    Yields:
        The list's digest by its name, for the seal of what the block writes.

    Raises:
        ErasedMeanwhileError: at a commit, if visitors were erased since.
    """
    before = _digest(lake)

    def check() -> None:
        if _digest(lake) != before:
            raise ErasedMeanwhileError(
                f"{lake.store.address}/{KEY}",
                found="visitors who were erased while the step was at work",
                expected="data without them",
                fix="Run the step again.",
            )

    with guarded_commits(check):
        yield {KEY: before}


def require_no_erasure_since(lake: Lake, day: date) -> None:
    """Check that no visitor was erased since the day's candidate was trained.

    Raises:
        InputChangedError: one was, perhaps of the training days; a candidate of an earlier version passes.
    """
    recorded = recorded_sources(lake.current("candidates", day)).get(KEY)
    if recorded not in (None, _digest(lake)):
        raise InputChangedError(
            f"candidates of {day}",
            found="visitors who were erased since it was trained",
            expected="a model without their data",
            fix=f"Run `leapline train --date {day}` and the steps after it again.",
        )


def _digest(lake: Lake) -> str:
    stored = lake.store.get(KEY)
    return f"sha256:{hashlib.sha256(stored.content).hexdigest()}" if stored else "none"


def _is_pseudonym(name: str) -> bool:
    return len(name) == 64 and set(name) <= set("0123456789abcdef")
