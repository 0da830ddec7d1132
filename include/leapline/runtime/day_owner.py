"""Which run works on a data day: the latest one that has begun to. An earlier run ends when it notices.

    day-owners/<day>.json    {"run_id": RUN, "superseded": [earlier runs]}      written on condition

A run takes its day with its first step, so a repeated run never waits for one that hangs. Each later step, and each
commit of a result, requires that the day is still the run's. The steps of two runs therefore do not mix: the earlier
run ends as superseded, and what it has not committed is removed.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any, Final

from leapline.errors import StorageError, SupersededError
from leapline.runtime.context import STEPS, RunContext
from leapline.settings import Settings
from leapline.storage import json_bytes, lake_of, read_document
from leapline.storage.commit_guard import guarded_commits
from leapline.storage.store import Store, update

FOLDER: Final = "day-owners"
_REMEMBERED: Final = 200
"""Superseded runs that are kept per day."""
_OWNING: Final = frozenset(STEPS) - {"deploy"}
"""The steps that need the day; `deploy` only carries out what was promoted."""


def take_day(settings: Settings, day: date, run_id: str) -> None:
    """Make a run the owner of a day, and supersede the run that is, even if that has superseded this one before."""
    _take(lake_of(settings).store, day, run_id, again=True)


def _take(store: Store, day: date, run_id: str, *, again: bool) -> None:
    def taken(present: bytes | None) -> bytes | None:
        owner = _replaceable(present) if again else _parse(present, f"{store.address}/{owner_key(day)}")
        if owner["run_id"] == run_id:
            return None
        if not again:
            _require_not_superseded(owner, day, run_id)
        superseded = [run for run in (*owner["superseded"], owner["run_id"]) if run not in ("", run_id)]
        return json_bytes({"run_id": run_id, "superseded": superseded[-_REMEMBERED:]})

    update(store, owner_key(day), taken)


@contextmanager
def owned_day(settings: Settings, step: str, context: RunContext) -> Iterator[None]:
    """Require during a step that its day is the run's; the first step of a run takes it.

    Raises:
        SupersededError: a later run works on the day, before the step or when it commits a result.
        StorageError: the document that names the owner is damaged.
    """
    if step not in _OWNING:
        yield
        return
    store = lake_of(settings).store
    _take(store, context.day, context.run_id, again=False)
    with guarded_commits(lambda: require_owner(store, context.day, context.run_id)):
        yield


def require_owner(store: Store, day: date, run_id: str) -> None:
    """Check that no later run has taken the day from this one.

    Raises:
        SupersededError: one has.
        StorageError: the document that names the owner is damaged.
    """
    present = store.get(owner_key(day))
    owner = _parse(present.content if present else None, f"{store.address}/{owner_key(day)}")
    _require_not_superseded(owner, day, run_id)


def _require_not_superseded(owner: dict[str, Any], day: date, run_id: str) -> None:
    if run_id in owner["superseded"]:
        raise SupersededError(
            f"run {run_id} of {day}",
            found=f"a later run of the same day, {owner['run_id']}",
            expected="one run at a time, the latest",
            fix="Nothing is to be done: that run replaces this one. To go on with this one instead, clear its task "
            "`resolve` in Airflow, with all tasks after it.",
        )


def owner_key(day: date) -> str:
    """Return the key of a day's owner."""
    return f"{FOLDER}/{day.isoformat()}.json"


def owner_of(settings: Settings, day: date) -> str | None:
    """Return the run that works on a day, or was the last to do so; None if there was none.

    Raises:
        StorageError: the document is damaged.
    """
    document = read_document(lake_of(settings).store, owner_key(day))
    return str(document["run_id"]) if document else None


def _parse(content: bytes | None, thing: str) -> dict[str, Any]:
    if content is None:
        return {"run_id": "", "superseded": []}
    try:
        document = json.loads(content)
        return {"run_id": str(document["run_id"]), "superseded": list(document.get("superseded", []))}
    except (ValueError, AttributeError, TypeError, KeyError) as exc:
        raise StorageError(
            thing,
            found=str(exc),
            expected="the run that works on the day",
            fix="Start the run again from its task `resolve`; or remove the file if no run of the day is active.",
        ) from exc


def _replaceable(content: bytes | None) -> dict[str, Any]:
    """Return the owner; none if the document is damaged, because a new run replaces it whoever it named."""
    try:
        return _parse(content, "")
    except StorageError:
        return _parse(None, "")
