"""Where a run finds the registry and the tools that make images."""

import getpass
from datetime import UTC, datetime

from leapline.serving.ledger import Ledger
from leapline.serving.promote import Champion, Order
from leapline.serving.registry import Registry
from leapline.settings import Settings


def registry(settings: Settings) -> Registry:
    """The image's repository.

    Raises:
        RegistryError: nothing answers there.
    """
    found = Registry(settings.image, settings.tools / "bin" / "crane")
    found.ping()
    return found


def champion(settings: Settings) -> Champion:
    """The tags `champion` and `previous`, with their ledger.

    Raises:
        RegistryError: nothing answers there.
    """
    return Champion(registry(settings), Ledger(settings.ledger))


def order(run_id: str, why: str, who: str = "") -> Order:
    """A move of a tag, as the ledger will tell it; its time is the clock's, for it happens now.

    Args:
        run_id: the run that moves it.
        why: one sentence.
        who: the person who asked for it; the process's own user if nobody is named.
    """
    return Order(who or getpass.getuser(), why, run_id, datetime.now(UTC))
