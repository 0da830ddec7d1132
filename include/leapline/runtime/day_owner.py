"""Which run works on a data day: the latest one that has begun to. An earlier run ends when it notices.

    day-owners/<day>.json    {"run_id": RUN, "superseded": [earlier runs],
                              "attempts": {step: token of its latest attempt}}      written on condition

A run takes its day with its first step, so a repeated run never waits for one that hangs. Each later step, and each
commit of a result, requires that the day is still the run's. The steps of two runs therefore do not mix: the earlier
run ends as superseded, and what it has not committed is removed.

The same holds for two attempts of one step of a run: a driver that goes on after its task was lost and retried, or a
task that a queue has delivered twice. The attempt that began last has the step's token, and the other commits nothing.
"""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class StepAttempt:
    """An attempt of a step of a run.

    Attributes:
        step: its name.
        context: the run and its day.
        token: differs for each attempt of the same step and run.
    """

    step: str
    context: RunContext
    token: str = field(default_factory=lambda: uuid.uuid4().hex[:12])


def take_day(settings: Settings, day: date, run_id: str) -> None:
    """Make a run the owner of a day, and supersede the run that is, even if that has superseded this one before."""

    def taken(present: bytes | None) -> bytes | None:
        owner = _replaceable(present)
        return None if owner["run_id"] == run_id else _owned_by(owner, run_id, {})

    update(lake_of(settings).store, owner_key(day), taken)


def _take(store: Store, attempt: StepAttempt) -> None:
    day, run_id = attempt.context.day, attempt.context.run_id

    def taken(present: bytes | None) -> bytes:
        owner = _parse(present, f"{store.address}/{owner_key(day)}")
        _require_not_superseded(owner, day, run_id)
        others = owner["attempts"] if owner["run_id"] == run_id else {}
        return _owned_by(owner, run_id, others | {attempt.step: attempt.token})

    update(store, owner_key(day), taken)


def _owned_by(owner: dict[str, Any], run_id: str, attempts: dict[str, str]) -> bytes:
    superseded = [run for run in (*owner["superseded"], owner["run_id"]) if run not in ("", run_id)]
    return json_bytes({"run_id": run_id, "superseded": superseded[-_REMEMBERED:], "attempts": attempts})


@contextmanager
def owned_day(settings: Settings, attempt: StepAttempt) -> Iterator[None]:
    """Require during a step that its day is the run's; the first step of a run takes it.

    Raises:
        SupersededError: a later run works on the day, or a later attempt on the step, before the step or when it
            commits a result.
        StorageError: the document that names the owner is damaged.
    """
    if attempt.step not in _OWNING:
        yield
        return
    store = lake_of(settings).store
    _take(store, attempt)
    with guarded_commits(lambda: _require_owner(store, attempt)):
        yield


def is_latest(settings: Settings, attempt: StepAttempt) -> bool:
    """Return whether no later attempt of the same step and run has begun; a damaged document names none."""
    present = lake_of(settings).store.get(owner_key(attempt.context.day))
    owner = _replaceable(present.content if present else None)
    return attempt.step not in _OWNING or _later_attempt(owner, attempt) is None


def _require_owner(store: Store, attempt: StepAttempt) -> None:
    """Check that no later run has taken the day from this one, and that no later attempt of the step has begun."""
    owner = _read(store, attempt.context.day)
    _require_not_superseded(owner, attempt.context.day, attempt.context.run_id)
    later = _later_attempt(owner, attempt)
    if later is not None:
        raise SupersededError(
            f"{attempt.step} of run {attempt.context.run_id}",
            found=f"a later attempt of the same step, {later}",
            expected="one attempt at a time, the latest",
            fix="Nothing is to be done: that attempt replaces this one, which has committed nothing.",
        )


def _later_attempt(owner: dict[str, Any], attempt: StepAttempt) -> str | None:
    """Return the token of a later attempt; a document without one, such as of an earlier version, has none."""
    token = owner["attempts"].get(attempt.step) if owner["run_id"] == attempt.context.run_id else None
    return token if token != attempt.token else None


def _read(store: Store, day: date) -> dict[str, Any]:
    present = store.get(owner_key(day))
    return _parse(present.content if present else None, f"{store.address}/{owner_key(day)}")


def _require_not_superseded(owner: dict[str, Any], day: date, run_id: str) -> None:
    """Check that no later run has taken the day from this one."""
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
        return {"run_id": "", "superseded": [], "attempts": {}}
    try:
        document = json.loads(content)
        return {
            "run_id": str(document["run_id"]),
            "superseded": list(document.get("superseded", [])),
            "attempts": dict(document.get("attempts", {})),
        }
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
