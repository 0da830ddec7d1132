"""What an erasure has begun, kept until its receipt is written.

An erasure that is interrupted leaves days behind from which the visitors or their orders are already gone. The next one
does not find them there. It still has to list these days in the receipt, with the models that were trained on them, and
to remove the orders from other days, on which they can be recognised only by those of the first day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from leapline.errors import StorageError
from leapline.privacy.requests import FOLDER
from leapline.storage import Lake, json_bytes, read_document

Numbers = dict[str, int]
"""Numbers of rows of a day, by the names in `erasure.Erased`."""
KEY: Final = f"{FOLDER}/.begun.json"
"""Beside the requests; a name with a dot is no request."""
_FIX: Final = "Restore the file from a copy. Without it, the receipt lacks the days of an erasure that was interrupted."


@dataclass(frozen=True)
class Begun:
    """What this attempt and earlier ones have begun.

    Attributes:
        days: numbers of rows before the first attempt.
        orders: pseudonyms of the visitors' orders.
    """

    days: Mapping[date, Numbers]
    orders: Sequence[str]


def begun_orders(lake: Lake) -> list[str]:
    """Return the orders that an interrupted erasure had to remove."""
    return list(_read(lake)["orders"])


def note_begun(lake: Lake, days: Mapping[date, Numbers], orders: Sequence[str]) -> Begun:
    """Keep what is about to be written again.

    Args:
        lake: keeps it.
        days: numbers of rows before.
        orders: pseudonyms of the orders to remove.

    Returns:
        The same, together with that of earlier attempts.
    """
    earlier = _read(lake)
    begun = {
        "days": {day.isoformat(): numbers for day, numbers in days.items()} | earlier["days"],
        "orders": sorted({*orders, *earlier["orders"]}),
    }
    if begun["days"]:
        lake.store.put(KEY, json_bytes(begun))
    return Begun({date.fromisoformat(day): numbers for day, numbers in begun["days"].items()}, begun["orders"])


def forget_begun(lake: Lake) -> None:
    """Remove what was kept: the receipt has it now."""
    lake.store.delete(KEY)


def _read(lake: Lake) -> dict[str, Any]:
    content = read_document(lake.store, KEY, _FIX)
    if content is None:
        return {"days": {}, "orders": []}
    if not isinstance(content, dict) or not set(content) <= {"days", "orders"}:
        thing = f"{lake.store.address}/{KEY}"
        raise StorageError(thing, found="another document", expected="days and orders", fix=_FIX)
    return {"days": {}, "orders": []} | content
