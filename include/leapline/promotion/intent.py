"""The intent of a promotion: the move that is in progress, on disk, so that a later run completes it after a kill."""

import json
from dataclasses import asdict
from typing import Any, Final

from leapline.errors import LedgerError
from leapline.promotion.ledger_entry import Entry
from leapline.promotion.signed import signed, unsigned_reason
from leapline.signing.key_ring import KeyRing
from leapline.storage.store import Store

INTENT: Final = "promotion.json"
_KIND: Final = "promotion"


def write_intent(store: Store, entry: Entry, keys: KeyRing) -> None:
    """Record a move before it begins."""
    store.put(INTENT, signed(_KIND, asdict(entry), keys))


def read_intent(store: Store, keys: KeyRing) -> Entry | None:
    """Return the move that is in progress, or was when its run was killed; None if there is none.

    Raises:
        LedgerError: the document is damaged, or not signed as required.
    """
    present = store.get(INTENT)
    if present is None:
        return None
    try:
        document = json.loads(present.content)
        # Earlier versions wrote the entry alone.
        content: dict[str, Any] = document if "document" in document else {"document": document, "signature": None}
        entry, reason = Entry(**content["document"]), unsigned_reason(_KIND, content, keys)
    except (ValueError, TypeError, KeyError):
        entry, reason = None, "a damaged document"
    if reason or entry is None:
        raise LedgerError(
            f"{store.address}/{INTENT}",
            found=reason,
            expected="a move that this installation has begun",
            fix="Find out who wrote it. The promotion that reports this removes it; run the step again.",
        )
    return entry
