"""Whether registry and ledger agree about the champion, and whether the repository is this lake's.

The registry says what is serving, the ledger says what was promoted. While they contradict each other, nothing is
compared or promoted: a person looks, and either moves the tag back or accepts the state (`leapline ledger accept`).
"""

from collections.abc import Sequence

from leapline.errors import ContradictionError
from leapline.promotion.intent import read_intent
from leapline.promotion.lake_id import lake_id, lakes_of
from leapline.promotion.ledger import Ledger
from leapline.promotion.ledger_entry import Entry
from leapline.promotion.papers import missing_papers
from leapline.promotion.tag_moves import CHAMPION_TAG
from leapline.serving.registry import Registry
from leapline.storage import Lake

_ACCEPT = "`leapline ledger accept --why ...`"
_ATTEMPTS = 5
_SURE = 2
"""So many looks with the same champion and a contradiction are sure."""


def agreed_champion(registry: Registry, ledger: Ledger) -> str | None:
    """Return the digest of the champion on which registry and ledger agree; None if both have none.

    A promotion at the same moment is not a contradiction: it may have moved the tag, or have ended, between the looks
    at tag, ledger and intent. A contradiction is therefore one that is still there at the next look.

    Raises:
        ContradictionError: they do not agree, or the repository is another lake's.
        LedgerError: something is wrong with the ledger.
        RegistryError: the registry does not answer clearly.
    """
    champion, looks_alike = registry.digest(CHAMPION_TAG), 1
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            require_agreement(registry, ledger, champion)
            break
        except ContradictionError:
            if looks_alike == _SURE or attempt == _ATTEMPTS:
                raise
            before, champion = champion, registry.digest(CHAMPION_TAG)
            looks_alike = looks_alike + 1 if champion == before else 1
    return champion


def require_agreement(registry: Registry, ledger: Ledger, champion: str | None) -> list[Entry]:
    """Return the ledger's entries, if they agree with the champion.

    Args:
        registry: has the tags.
        ledger: of the lake.
        champion: what the tag names; None if there is no such tag.

    Raises:
        ContradictionError: they do not agree, or the repository is another lake's.
        LedgerError: something is wrong with the ledger.
        RegistryError: the registry does not answer clearly.
    """
    entries, pending = ledger.checked_entries(), read_intent(ledger.store, ledger.keys)
    last = last_move(entries)
    recorded = last.after if last else None
    if champion != recorded and not (pending and pending.before == recorded and pending.after == champion):
        raise _contradiction(registry, ledger, entries, champion)
    require_repository(registry, ledger)
    return entries


def last_move(entries: Sequence[Entry]) -> Entry | None:
    """Return the last entry about the champion; None if there is none."""
    return next((entry for entry in reversed(entries) if entry.tag == CHAMPION_TAG), None)


def require_repository(registry: Registry, ledger: Ledger) -> None:
    """Check that no other lake promotes into the repository, or that this one was accepted beside it.

    Raises:
        ContradictionError: the repository is another lake's.
    """
    others = foreign_lakes(registry, ledger)
    if others:
        raise _other_lakes(registry, others, lake_id(ledger.store) or "new")


def require_no_other(registry: Registry, lake: str) -> None:
    """Check that no other lake has claimed a repository at the same moment as this one, which has just done so.

    Raises:
        ContradictionError: another lake has.
    """
    others = [other for other in lakes_of(registry) if other != lake]
    if others:
        raise _other_lakes(registry, others, lake)


def _other_lakes(registry: Registry, others: Sequence[str], lake: str) -> ContradictionError:
    return ContradictionError(
        f"repository {registry.image}",
        found=f"models of lake {', '.join(others)}; this lake is {lake}",
        expected="a repository for each lake",
        fix=f"Set LEAPLINE_REPOSITORY to another one. If this lake replaces that one, {_ACCEPT} records it.",
    )


def foreign_lakes(registry: Registry, ledger: Ledger) -> list[str]:
    """Return the lakes that have promoted into the repository; none if this lake is one of them."""
    lakes = lakes_of(registry)
    return [] if lake_id(ledger.store) in lakes else lakes


def _contradiction(
    registry: Registry, ledger: Ledger, entries: Sequence[Entry], champion: str | None
) -> ContradictionError:
    last, thing = last_move(entries), f"champion of {registry.image}"
    expected = "no champion, as the ledger is empty"
    if last is not None:
        expected = f"{last.after or 'no champion'} (model {last.model_id or 'none'}), as the ledger's last entry"
    if champion is None:
        return ContradictionError(
            thing, found="no such tag", expected=f"{expected}; an emptied registry is not a first start",
            fix="Push the model again (`leapline publish --date ...`), then `leapline rollback --to MODEL_ID`. "
            f"If the registry is to start empty, {_ACCEPT}.",
        )  # fmt: skip
    reason = missing_papers(Lake(ledger.store), entries, registry, champion)
    if reason:
        others = foreign_lakes(registry, ledger)
        whose = f"; the repository has models of lake {', '.join(others)}" if others else ""
        return ContradictionError(
            thing, found=f"{champion}, an image without papers: {reason}{whose}", expected=expected,
            fix="Find out who moved the tag. `leapline rollback --to MODEL_ID` moves it to a published model; "
            "another lake needs another LEAPLINE_REPOSITORY.",
        )  # fmt: skip
    return ContradictionError(
        thing, found=f"{champion}, moved there without an entry in the ledger", expected=expected,
        fix=f"Move it back (`leapline rollback --to MODEL_ID`), or record that it is right: {_ACCEPT}.",
    )  # fmt: skip
