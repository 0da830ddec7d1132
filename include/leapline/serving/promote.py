"""Moving `champion`, so that a kill at any point leaves a valid one and the next run repairs the rest.

    lock -> finish what a killed run began -> checks -> intent on disk -> `previous` = old -> `champion` = new -> ledger
                                                                                          -> intent removed

OCI has no conditional tag update: a lock on a file beside the ledger (it goes with the process) keeps runs apart that
share the lake, and `champion` is asked for again under the lock. The intent is what lets a repeated run know the
champion before the kill: without it a half-done rollback would make `previous` and `champion` the same and lose one.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime

from leapline.errors import RegistryError
from leapline.serving.image import LABEL
from leapline.serving.ledger import Entry, Ledger
from leapline.serving.registry import Registry
from leapline.storage import read_json, write_json

CHAMPION, PREVIOUS = "champion", "previous"


@dataclass(frozen=True)
class Order:
    """Who moves the tag, why, in which run, and when (with a time zone)."""

    who: str
    why: str
    run_id: str
    when: datetime


@dataclass(frozen=True)
class Promotion:
    """What became of it: `champion` and `previous` as they are now, `moved` if this call moved them, else `why` not."""

    moved: bool
    champion: str | None
    previous: str | None
    why: str = ""


class Champion:
    """The two moving tags of a repository, with their ledger.

    Args:
        registry: the repository.
        ledger: its file's folder also holds the lock and the intent.
    """

    def __init__(self, registry: Registry, ledger: Ledger) -> None:
        self.registry, self.ledger = registry, ledger
        self._intent = ledger.path.with_name("promotion.json")

    def promote(
        self, digest: str, order: Order, *, expected_current: str | None, allow_older: bool = False
    ) -> Promotion:
        """Make `digest` the champion.

        Args:
            digest: an image that is in the repository.
            order: who, why, in which run, when.
            expected_current: the champion that the verdict was given against, None if there was none; if `champion`
                names another by now, nothing moves.
            allow_older: allow a model of an older data day than the champion's.

        Raises:
            RegistryError: no clear answer from the registry; `champion` names the old or the new image.
            StorageError: the ledger is damaged; nothing moved.
        """
        with self._locked():
            current = self.registry.digest(CHAMPION)
            why = "" if current == digest else self._objection(digest, current, expected_current, allow_older)
            if why:
                return self._unmoved(why)
            return self._move("promote", digest, current, order)

    def rollback(self, order: Order, *, to: str | None = None) -> Promotion:
        """Make an earlier model the champion again: `previous`, or the model id `to`.

        Raises:
            RegistryError: no such model in the registry, or no clear answer.
            StorageError: the ledger is damaged; nothing moved.
        """
        with self._locked() as finished:
            if to is None and finished and finished.action == "rollback":
                return Promotion(True, finished.after, finished.before)
            if to is None and self._has_moved(order.run_id):
                return self._unmoved("this run has moved it already")
            digest, current = self.registry.digest(to or PREVIOUS), self.registry.digest(CHAMPION)
            if digest is None:
                raise RegistryError(
                    f"tag {self.registry.ref(to or PREVIOUS)}",
                    found="no such tag",
                    expected="an earlier model to go back to",
                    fix="Name one of `leapline models`: `leapline rollback --to MODEL_ID`. "
                    "A second promotion makes the first model the one to go back to.",
                )
            return self._move("rollback", digest, current, order)

    def _has_moved(self, run_id: str) -> bool:
        return any(entry.run_id == run_id and entry.tag == CHAMPION for entry in self.ledger.entries())

    def _objection(self, digest: str, current: str | None, expected: str | None, allow_older: bool) -> str:
        if current != expected:
            return f"champion is {current or 'absent'} by now, the verdict was given against {expected or 'none'}"
        if current is None or allow_older:
            return ""
        new, old = self._data_day(digest), self._data_day(current)
        if new is None or old is None or new < old:
            return f"its data day is {new or 'unknown'}, the champion's is {old or 'unknown'}: never to an older one"
        return ""

    def _move(self, action: str, digest: str, current: str | None, order: Order) -> Promotion:
        if current == digest:
            return self._unmoved("it is the champion already")
        entry = Entry(
            when=order.when.isoformat(), who=order.who, why=order.why, run_id=order.run_id, action=action, tag=CHAMPION,
            model_id=self.registry.annotations(digest).get(LABEL + "version", ""), before=current, after=digest,
        )  # fmt: skip
        self.ledger.entries()  # a damaged ledger stops the move before it begins
        write_json(self._intent, asdict(entry))
        self._carry_out(entry)
        return Promotion(True, digest, current)

    def _carry_out(self, entry: Entry) -> None:
        """Every step can be repeated; the ledger takes an entry once."""
        if entry.before is not None:
            self.registry.tag(entry.before, PREVIOUS)
        self.registry.tag(entry.after, CHAMPION)
        self.ledger.append(entry)
        self._intent.unlink()

    def _finish_interrupted(self) -> Entry | None:
        """Carry out what a killed run had begun; the entry, if there was one and it still made sense."""
        if not self._intent.exists():
            return None
        entry = Entry(**read_json(self._intent))
        if self.registry.digest(CHAMPION) not in (entry.before, entry.after) or not self.registry.digest(entry.after):
            self._intent.unlink()  # someone without this lake's lock moved or removed it since: theirs is the last word
            return None
        self._carry_out(replace(entry, why=f"{entry.why} (finished by a later run)"))
        return entry

    def _unmoved(self, why: str) -> Promotion:
        return Promotion(False, self.registry.digest(CHAMPION), self.registry.digest(PREVIOUS), why)

    def _data_day(self, digest: str) -> date | None:
        """The first part of the model id that an image is labelled with."""
        try:
            return date.fromisoformat(self.registry.annotations(digest).get(LABEL + "version", "")[:10])
        except ValueError:
            return None

    @contextmanager
    def _locked(self) -> Iterator[Entry | None]:
        """Hold the lock; gives the interrupted move that was finished first, if any."""
        self.ledger.path.parent.mkdir(parents=True, exist_ok=True)
        with self.ledger.path.with_name("promotion.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self._finish_interrupted()
