"""The registry and the champion's tags of an installation, made from its settings."""

import getpass
from datetime import UTC, datetime

from leapline.serving.ledger import Ledger
from leapline.serving.promote import ChampionTags, PromotionRequest
from leapline.serving.registry import Registry, require_address
from leapline.settings import Settings
from leapline.storage import lake_of


def registry(settings: Settings) -> Registry:
    """Return the repository of the scoring image.

    Raises:
        SettingsError: the address has a scheme, a path or capitals.
        RegistryError: the registry does not answer.
    """
    require_address(settings.registry, settings.repository)
    repository = Registry(settings.image, settings.tools / "bin" / "crane", plain_http=settings.registry_plain_http)
    repository.ping()
    return repository


def ledger_of(settings: Settings) -> Ledger:
    """Return the ledger of the installation's lake."""
    return Ledger(lake_of(settings).store)


def champion_tags(settings: Settings) -> ChampionTags:
    """Return the tags `champion` and `previous` with their ledger.

    Raises:
        SettingsError: the address has a scheme, a path or capitals.
        RegistryError: the registry does not answer.
    """
    return ChampionTags(registry(settings), ledger_of(settings))


def promotion_request(run_id: str, why: str, who: str = "") -> PromotionRequest:
    """Return a request to move the champion, as the ledger records it, with the present time.

    Args:
        run_id: of the run that moves it.
        why: one sentence.
        who: the person who asked for it; the user of this process if empty.
    """
    return PromotionRequest(who or getpass.getuser(), why, run_id, datetime.now(UTC))
