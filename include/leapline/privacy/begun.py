"""The days that an erasure has begun to write again, kept until its receipt is written.

An erasure that is interrupted leaves days behind from which the visitors are already gone. The next one does not find
them there, and still has to list these days in the receipt, with the models that were trained on them.
"""

from collections.abc import Mapping
from datetime import date
from typing import Final

from leapline.privacy.requests import FOLDER
from leapline.storage import Lake, json_bytes, read_document

Numbers = dict[str, int]
"""Numbers of rows of a day, by the names in `erasure.Erased`."""
KEY: Final = f"{FOLDER}/.begun.json"
"""Beside the requests; a name with a dot is no request."""


def note_begun(lake: Lake, days: Mapping[date, Numbers]) -> dict[date, Numbers]:
    """Keep the numbers of days that are about to be written again.

    Args:
        lake: keeps them.
        days: numbers of rows before.

    Returns:
        The days of this attempt and of earlier ones, with the numbers before the first of them.
    """
    earlier: dict[str, Numbers] = read_document(lake.store, KEY) or {}
    begun = {day.isoformat(): numbers for day, numbers in days.items()} | earlier
    if begun:
        lake.store.put(KEY, json_bytes(begun))
    return {date.fromisoformat(day): numbers for day, numbers in begun.items()}


def forget_begun(lake: Lake) -> None:
    """Remove what was kept: the receipt has it now."""
    lake.store.delete(KEY)
