"""The registry and the champion's tags of an installation, made from its settings."""

import getpass

from leapline import clock
from leapline.errors import AccessDeniedError, RegistryError, RegistryUnusableError
from leapline.promotion.agreement import agreed_champion
from leapline.promotion.ledger import Ledger
from leapline.promotion.promote import ChampionTags, PromotionRequest
from leapline.promotion.trust import Trust, TrustAll, TrustKeys
from leapline.serving.registry import BUDGET_S, Registry, require_address
from leapline.settings import Settings
from leapline.signing.key_ring import key_ring
from leapline.storage import lake_of


def registry(settings: Settings, budget_s: float = BUDGET_S) -> Registry:
    """Return the repository of the scoring image.

    Args:
        settings: name it.
        budget_s: maximum seconds for one operation, including its retries.

    Raises:
        SettingsError: the address has a scheme, a path or capitals.
        RegistryError: the registry does not answer.
    """
    require_address(settings.registry, settings.repository)
    return _registry(settings, settings.image, budget_s=budget_s)


def more_registries(settings: Settings, budget_s: float = BUDGET_S) -> list[Registry]:
    """Return the further repositories of the scoring image, as `registry` the first.

    Raises:
        SettingsError: an address has a scheme, no repository, or capitals.
        RegistryError: one of them does not answer.
    """
    return [_registry(settings, image, "more_registries", budget_s) for image in settings.more_images]


def _registry(settings: Settings, image: str, setting: str = "", budget_s: float = BUDGET_S) -> Registry:
    host, _, repository = image.partition("/")
    require_address(host, repository, setting)
    plain_http = settings.registry_plain_http and host == settings.registry
    target = Registry(image, settings.tools / "bin" / "crane", budget_s=budget_s, plain_http=plain_http)
    try:
        target.ping()
    except RegistryError as exc:
        if not setting or isinstance(exc, RegistryUnusableError):
            raise
        fix = "Start it, or take it out of LEAPLINE_MORE_REGISTRIES: then the tags move in the others only."
        raise RegistryError(exc.thing, found=exc.found, expected=exc.expected, fix=fix) from exc
    return target


def ledger_of(settings: Settings) -> Ledger:
    """Return the ledger of the installation's lake."""
    return Ledger(lake_of(settings).store, key_ring(settings))


def champion_digest(settings: Settings, target: Registry) -> str | None:
    """Return the champion on which registry and ledger agree; None if there is none yet.

    Some registries deny access to a missing repository. Before the first promotion of this installation, a denial
    therefore counts as no champion. The push still fails without access, and promotion reads the tag again.

    Raises:
        ContradictionError: registry and ledger do not agree, or the repository is another lake's.
        LedgerError: something is wrong with the ledger.
        RegistryError: the registry does not answer clearly.
    """
    ledger = ledger_of(settings)
    try:
        return agreed_champion(target, ledger)
    except AccessDeniedError:
        if ledger.checked_entries():
            raise
        return None


def champion_tags(settings: Settings) -> ChampionTags:
    """Return the tags `champion` and `previous` of all repositories with their ledger.

    Raises:
        SettingsError: the address has a scheme, a path or capitals.
        RegistryError: the registry does not answer.
    """
    return ChampionTags(registry(settings), ledger_of(settings), more_registries(settings), trust_of(settings))


def trust_of(settings: Settings) -> Trust:
    """Return which images may become the champion: all, or those signed by an accepted key if there are keys.

    Raises:
        SettingsError: a key is damaged, or its file is missing.
    """
    ring = key_ring(settings)
    return TrustKeys(ring.accepted) if ring.verifies else TrustAll()


def promotion_request(run_id: str, why: str, who: str = "") -> PromotionRequest:
    """Return a request to move the champion, as the ledger records it, with the present time.

    Args:
        run_id: of the run that moves it.
        why: one sentence.
        who: the person who asked for it; the user of this process if empty.
    """
    return PromotionRequest(who or getpass.getuser(), why, run_id, clock.now())
