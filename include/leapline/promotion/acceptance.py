"""The decision of a person that ledger, champion and repository are right as they are, recorded in the ledger.

It is the way on after a fault that cannot be repaired: a ledger that was restored from an old copy or truncated, a new
empty registry, a tag that somebody has moved by hand, a lake that replaces another one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from leapline.errors import ContradictionError, LedgerError
from leapline.promotion.agreement import foreign_lakes, last_move, require_agreement
from leapline.promotion.intent import INTENT, read_intent
from leapline.promotion.lake_id import claim, create_lake_id
from leapline.promotion.ledger import Ledger
from leapline.promotion.ledger_entry import Entry
from leapline.promotion.papers import missing_papers
from leapline.promotion.promote import LOCK, PromotionRequest
from leapline.promotion.tag_moves import CHAMPION_TAG
from leapline.serving.image import LABEL
from leapline.serving.registry import Registry
from leapline.storage import Lake


@dataclass(frozen=True)
class Acceptance:
    """What was accepted.

    Attributes:
        accepted: each fault, one sentence; empty if nothing was wrong, and nothing was recorded.
        champion: the digest that the ledger now names; None if it names none.
        left: what still has to be done; empty if nothing.
    """

    accepted: Sequence[str]
    champion: str | None
    left: str = ""


def accept(registry: Registry, ledger: Ledger, request: PromotionRequest) -> Acceptance:
    """Record that a person has looked at what is wrong and goes on with it.

    An image without papers does not become the champion by this: the ledger then names none, until the tag is moved.

    Args:
        registry: the repository that decides what the champion is.
        ledger: of the lake.
        request: who decides, why and when.

    Raises:
        RegistryError: the registry does not answer clearly; nothing was recorded.
        StorageError: the lake cannot be read or written.
    """
    with ledger.store.lock(LOCK):
        champion = registry.digest(CHAMPION_TAG)
        faults, entries = _faults(registry, ledger, champion), _reliable_entries(ledger)
        last = last_move(entries)
        if not faults:
            ledger.complete()
            return Acceptance([], last.after if last else None)
        reason = missing_papers(Lake(ledger.store), entries, registry, champion) if champion else ""
        trusted = None if reason else champion
        entry = Entry(
            when=request.when.isoformat(), who=request.who, why=f"{request.why} (accepted: {'; '.join(faults)})",
            run_id=request.run_id, action="accept", tag=CHAMPION_TAG,
            model_id=registry.annotations(trusted).get(LABEL + "version", "") if trusted else "",
            before=last.after if last else None, after=trusted,
        )  # fmt: skip
        _end_interrupted_move(ledger)
        ledger.accept(entry)
        ledger.store.delete(INTENT)
        _claim(registry, ledger, champion)
        left = f"The champion {champion} stays unaccepted ({reason}): `leapline rollback --to MODEL_ID` replaces it."
        return Acceptance(faults, trusted, left if reason else "")


def _faults(registry: Registry, ledger: Ledger, champion: str | None) -> list[str]:
    faults = [f"{problem.kind}: {problem.text}" for problem in ledger.problems()]
    try:
        read_intent(ledger.store, ledger.keys)
        if not faults:
            require_agreement(registry, ledger, champion)
    except (ContradictionError, LedgerError) as exc:  # Not a registry or a store that does not answer.
        faults.append(f"{exc.thing}: {exc.found}")
    return faults


def _end_interrupted_move(ledger: Ledger) -> None:
    """Remove an intent before the decision is recorded: nobody completes after it what had begun before it.

    A damaged one, which nobody completes, is a fault of its own, and stays until it is recorded as accepted.
    """
    try:
        read_intent(ledger.store, ledger.keys)
    except LedgerError:
        return
    ledger.store.delete(INTENT)


def _reliable_entries(ledger: Ledger) -> list[Entry]:
    """Return the entries of a sound ledger; none of another one, so that only records in the lake are papers."""
    try:
        return ledger.checked_entries()
    except LedgerError:
        return []


def _claim(registry: Registry, ledger: Ledger, champion: str | None) -> None:
    """Leave this lake's tag beside those of others, on an image that the repository has."""
    others = foreign_lakes(registry, ledger)
    digest = champion or (registry.digest(f"lake-{others[0]}") if others else None)
    if digest:
        claim(registry, create_lake_id(ledger.store), digest)
