"""Move the tag `champion` so that a kill at any point leaves a valid champion and the next run completes the move.

    lock -> finish an interrupted move -> checks -> signature -> intent on disk -> `champion` = new
                       -> `previous` = old -> ledger's head -> ledger's line -> intent removed

Registry and ledger have to agree before the move (`leapline.promotion.agreement`). A rollback by a person to a model
with papers is the way back if they do not.

OCI has no conditional tag update. A lock next to the ledger, released when the process ends, serialises the runs that
share the lake, and `champion` is read again under the lock, and once more right before the move. The intent records
the champion before the move: without it, repeating an incomplete rollback would point `previous` and `champion` to the
same image and lose the other.

A registry with immutable tags rejects the move. Both tags are then restored and the intent is removed, so that no
incomplete move remains, and the error names the tags that have to be mutable. With several repositories every failure
is undone like that; if a registry does not allow even this, the intent stays and the next run completes the move.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime

from leapline.errors import BundleError, LedgerError, RegistryError, SignatureError, TagConflictError
from leapline.promotion.agreement import last_move, require_agreement, require_no_other, require_repository
from leapline.promotion.intent import INTENT, read_intent, write_intent
from leapline.promotion.lake_id import claim, create_lake_id
from leapline.promotion.ledger import Entry, Ledger
from leapline.promotion.papers import missing_papers, require_papers
from leapline.promotion.tag_moves import CHAMPION_TAG, PREVIOUS_TAG, TagMove, copy_image
from leapline.promotion.trust import Trust, TrustAll
from leapline.serving.image import LABEL
from leapline.serving.registry import Registry
from leapline.storage import Lake

LOCK = "promotion.lock"
MOVED_BEFORE = "this run has already moved the tag; a new run moves it again"


@dataclass(frozen=True)
class PromotionRequest:
    """A request to move the tag `champion`.

    Attributes:
        who: a person or a service.
        why: the reason, one sentence.
        run_id: the run that requests the move.
        when: time of the request, with a time zone.
        record: digest of the model's record in the lake; None for a move by hand.
    """

    who: str
    why: str
    run_id: str
    when: datetime
    record: str | None = None


@dataclass(frozen=True)
class Promotion:
    """The result of a requested move.

    Attributes:
        moved: whether this call moved the tag.
        champion: digest that `champion` points to after the call.
        previous: digest that `previous` points to after the call.
        why: why the tag was not moved; empty if it was.
        is_champion: whether the requested image is the champion after the call.
    """

    moved: bool
    champion: str | None
    previous: str | None
    why: str = ""
    is_champion: bool = True


class ChampionTags:
    """The tags `champion` and `previous` of one or several repositories, with their ledger.

    Args:
        registry: the repository that decides what the champion is.
        ledger: history of the moves; its store also contains the lock and the intent.
        others: repositories that get the same tags; a model that one of them lacks is copied there before the move.
        trust: decides which images may become the champion; every image if it is not given.
    """

    def __init__(
        self, registry: Registry, ledger: Ledger, others: Sequence[Registry] = (), trust: Trust | None = None
    ) -> None:
        self.registry, self.ledger, self.others = registry, ledger, others
        self._trust = trust or TrustAll()
        self._store, self._lake = ledger.store, Lake(ledger.store)

    def promote(
        self, digest: str, request: PromotionRequest, *, expected_current: str | None, allow_older: bool = False
    ) -> Promotion:
        """Make `digest` the champion.

        Args:
            digest: an image in the repository, whose papers the caller has checked.
            request: who requests the move, why, in which run, and when.
            expected_current: the champion that the verdict compares with; None if there was none. If `champion` points
                to another image by now, nothing is moved.
            allow_older: allow a model with an older data day than the champion's.

        Returns:
            The tags after the call, and the reason if they were not moved.

        Raises:
            ContradictionError: registry and ledger do not agree, or the repository is another lake's.
            TagConflictError: the registry does not allow a tag to move; both tags are unchanged.
            BundleError: the image is for one platform; nothing was moved.
            SignatureError: the image is not signed by an accepted key; nothing was moved.
            RegistryError: the registry's answer is unclear; `champion` points to the old or the new image.
            StorageError: the ledger is damaged; nothing was moved.
        """
        with self._locked():
            current = self.registry.digest(CHAMPION_TAG)
            entries = require_agreement(self.registry, self.ledger, current)
            if _has_moved(entries, request.run_id, digest):  # a retried task, or one that somebody cleared later
                if current == digest:
                    return Promotion(True, current, self.registry.digest(PREVIOUS_TAG))
                return self._unmoved(current, MOVED_BEFORE, is_champion=False)
            blocker = (
                "" if current == digest else self._promotion_blocker(digest, current, expected_current, allow_older)
            )
            if blocker:
                return self._unmoved(current, blocker, is_champion=False)
            return self._move("promote", digest, current, entries, request)

    def rollback(
        self, request: PromotionRequest, *, to: str | None = None, require: Callable[[str], None] | None = None
    ) -> Promotion:
        """Make an earlier model the champion again.

        Args:
            request: who requests the move, why, in which run, and when.
            to: the model id; the model of the tag `previous` if None.
            require: called with the model's digest under the lock, when no other move can change `previous` any more;
                an error that it raises prevents the move.

        Returns:
            The tags after the call, and the reason if they were not moved.

        Raises:
            TagConflictError: the registry does not allow a tag to move; both tags are unchanged.
            BundleError: the image is for one platform; nothing was moved.
            SignatureError: the image is not signed by an accepted key; nothing was moved.
            ContradictionError: the model has no papers, or the repository is another lake's; nothing was moved.
            RegistryError: the model is not in the registry, or the registry's answer is unclear.
            StorageError: the ledger is damaged; nothing was moved.
        """
        with self._locked() as finished:
            entries = self.ledger.checked_entries()
            require_repository(self.registry, self.ledger)
            if to is None and finished and finished.action == "rollback":
                return Promotion(True, finished.after, finished.before)
            digest, current = self.registry.digest(to or PREVIOUS_TAG), self.registry.digest(CHAMPION_TAG)
            if _has_moved(entries, request.run_id, None if to is None else digest):
                return self._unmoved(current, MOVED_BEFORE, is_champion=to is None or current == digest)
            if digest is None:
                raise RegistryError(
                    f"tag {self.registry.ref(to or PREVIOUS_TAG)}",
                    found="no such tag",
                    expected="an earlier model",
                    fix="Choose one from `leapline models`: `leapline rollback --to MODEL_ID`. "
                    "The second promotion creates the tag `previous`.",
                )
            if require:
                require(digest)
            return self._move("rollback", digest, current, entries, request)

    def _promotion_blocker(self, digest: str, current: str | None, expected: str | None, allow_older: bool) -> str:
        """Return why the champion must not be replaced; empty if it may."""
        if current != expected:
            return f"the champion is now {current or 'absent'}, but the verdict compares with {expected or 'none'}"
        if current is None or allow_older:
            return ""
        new, old = self._data_day(digest), self._data_day(current)
        if new is None or old is None or new < old:
            return (
                f"its data day is {new or 'unknown'}, the champion's is {old or 'unknown'}: "
                "older models are never promoted automatically"
            )
        return ""

    def _move(
        self, action: str, digest: str, current: str | None, entries: Sequence[Entry], request: PromotionRequest
    ) -> Promotion:
        last = last_move(entries)
        recorded = last.after if last else None
        if current == digest == recorded:
            self._align_others(digest)
            return self._unmoved(current, "it is already the champion", is_champion=True)
        self._require_index(digest)
        self._trust.require(self.registry, digest)
        if action == "rollback":
            require_papers(self._lake, entries, self.registry, digest)
        self.ledger.require_writable()
        entry = Entry(
            when=request.when.isoformat(), who=request.who, why=request.why, run_id=request.run_id, action=action,
            tag=CHAMPION_TAG, model_id=self.registry.annotations(digest).get(LABEL + "version", ""),
            before=recorded if current == digest else current, after=digest, record=request.record,
        )  # fmt: skip
        self._copy_to_others(digest)
        lake = create_lake_id(self._store)
        for registry in (self.registry, *self.others):
            if claim(registry, lake, digest):
                require_no_other(registry, lake)
        write_intent(self._store, entry, self.ledger.keys)
        self._carry_out(entry, entries)
        return Promotion(True, digest, entry.before)

    def _align_others(self, digest: str) -> None:
        """Give the champion to repositories that were added since it was promoted; the first one is left as it is."""
        self._copy_to_others(digest)
        if self.others:
            TagMove(self.others, digest, None).carry_out()

    def _copy_to_others(self, digest: str) -> None:
        for other in self.others:
            copy_image(self.registry, other, digest)
            self._trust.copy(self.registry, other, digest)

    def _require_index(self, digest: str) -> None:
        """The champion runs on every architecture; an image in Docker's format is for one."""
        if not self.registry.is_index(digest):
            raise BundleError(
                f"image {self.registry.ref(digest)}",
                found="an image for one platform",
                expected="an image index, as every model is published under its id",
                fix="Name the model id alone, without `-docker-...`.",
            )

    def _carry_out(self, entry: Entry, entries: Sequence[Entry]) -> None:
        """Move both tags and record it. Each part can be repeated; the ledger accepts an entry once."""
        assert entry.after  # noqa: S101  # a move has a target
        registries, target = [self.registry, *self.others], self._rollback_target(entry, entries)
        move = TagMove(registries, entry.after, target, expected=[entry.before])
        try:
            move.carry_out()
        except RegistryError as exc:
            if self.others or isinstance(exc, TagConflictError):
                move.undo()
                self._store.delete(INTENT)
            raise
        self.ledger.append(entry)
        self._store.delete(INTENT)

    def _rollback_target(self, entry: Entry, entries: Sequence[Entry]) -> str | None:
        """Return what `previous` is to name: the champion before, unless that has no papers."""
        before = entry.before
        if before is None or self.registry.digest(before) is None:
            return None
        return None if missing_papers(self._lake, entries, self.registry, before) else before

    def _finish_interrupted(self) -> Entry | None:
        """Complete the move of a killed run; return its entry if there was one and it still applied."""
        try:
            entry = read_intent(self._store, self.ledger.keys)
        except LedgerError:
            self._store.delete(INTENT)  # The next move is not held up; if a tag was moved, it contradicts the ledger.
            raise
        if entry is None:
            return None
        entries, champion = self.ledger.checked_entries(), self.registry.digest(CHAMPION_TAG)
        if not self._still_applies(entry, entries, champion):
            self._store.delete(INTENT)
            return None
        self._require_trusted_intent(entry)
        self._carry_out(replace(entry, why=f"{entry.why} (finished by a later run)"), entries)
        return entry

    def _require_trusted_intent(self, entry: Entry) -> None:
        """Reject the intent to promote an image that is not trusted; without it, the next move is not held up."""
        try:
            self._trust.require(self.registry, entry.after or "")
        except SignatureError:
            self._store.delete(INTENT)
            raise

    def _still_applies(self, entry: Entry, entries: Sequence[Entry], champion: str | None) -> bool:
        """Return whether an interrupted move is still to be completed.

        It is not if another client has moved the tag since, whose later move takes precedence, or if the ledger has the
        move already, with others after it: then the intent is an old one that somebody has put back.
        """
        last = last_move(entries)
        is_last = entry.key not in {e.key for e in entries} or (last is not None and last.key == entry.key)
        return champion in (entry.before, entry.after) and is_last and bool(self.registry.digest(entry.after or ""))

    def _unmoved(self, champion: str | None, why: str, *, is_champion: bool) -> Promotion:
        """Return the champion on which the decision was made, whatever it is by now."""
        return Promotion(False, champion, self.registry.digest(PREVIOUS_TAG), why, is_champion)

    def _data_day(self, digest: str) -> date | None:
        """Return the data day of an image, which is the first part of its model id; None without such a label."""
        try:
            return date.fromisoformat(self.registry.annotations(digest).get(LABEL + "version", "")[:10])
        except ValueError:
            return None

    @contextmanager
    def _locked(self) -> Iterator[Entry | None]:
        """Hold the lock, complete an interrupted move first, and yield that move, if any."""
        with self._store.lock(LOCK):
            yield self._finish_interrupted()


def _has_moved(entries: Sequence[Entry], run_id: str, digest: str | None) -> bool:
    """Return whether a run has moved the champion to an image, or to any if None."""
    moves = (entry.after for entry in entries if entry.run_id == run_id and entry.tag == CHAMPION_TAG)
    return any(digest in (None, after) for after in moves)
