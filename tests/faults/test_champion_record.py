"""A torn record of the champion stops comparison and promotion: "unreadable" is never taken for "there is none"."""

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

from leapline.deployment.factory import champion_digest
from leapline.errors import LeaplineError
from leapline.local.registry_service import LocalRegistry
from leapline.promotion.agreement import agreed_champion
from leapline.promotion.intent import INTENT, write_intent
from leapline.promotion.lake_id import KEY as LAKE
from leapline.promotion.ledger import HEAD, KEY, Ledger
from leapline.promotion.promote import ChampionTags
from leapline.promotion.tag_moves import CHAMPION_TAG
from leapline.serving.registry import Registry
from leapline.settings import Settings
from leapline.storage import LocalStore
from tests.conftest import ROOT
from tests.ports import free_address
from tests.promotion.test_ledger import ENTRY
from tests.promotion.test_promote import run
from tests.serving.conftest import MakeImage, crane, make_image, registry_binary, repository
from tests.steps.tampering import torn_versions

__all__ = ["crane", "make_image", "registry_binary", "repository"]
FIRST, SECOND, THIRD = "2026-03-01", "2026-03-02", "2026-03-03"


@pytest.fixture
def storage(tmp_path: Path, registry_binary: Path) -> Iterator[LocalRegistry]:
    """A registry of this test, whose files it tears."""
    local = LocalRegistry(tmp_path / "registry", registry_binary, free_address())
    local.start()
    yield local
    local.stop()


@pytest.fixture
def registry(storage: LocalRegistry, repository: str, crane: Path) -> Registry:
    return Registry(f"{storage.address}/{repository}", crane, budget_s=3)


@pytest.fixture
def settings(tmp_path: Path, storage: LocalRegistry, repository: str) -> Settings:
    return Settings(home=tmp_path / "lake", tools=ROOT / ".local", registry=storage.address, repository=repository)


@pytest.fixture
def champion(registry: Registry, settings: Settings, make_image: MakeImage) -> ChampionTags:
    """Two promotions, one after the other, and a third model that could follow."""
    tags, before = ChampionTags(registry, Ledger(LocalStore(settings.home))), None
    for number, day in enumerate((FIRST, SECOND, THIRD)):
        image = make_image(day, model_id=f"{day}-0123456789ab", day=day)
        registry.push(image, f"{day}-0123456789ab")
        if day != THIRD:
            digest = registry.digest(f"{day}-0123456789ab")
            tags.promote(str(digest), run(number), expected_current=before)
            before = digest
    return tags


@pytest.mark.parametrize("name", [KEY, HEAD, LAKE, INTENT])
def test_torn_file_about_the_champion_stops_or_is_restored(
    champion: ChampionTags, settings: Settings, name: str
) -> None:
    """Of the ledger alone, the last line can be restored, because the head contains it."""
    serving = champion.registry.digest(CHAMPION_TAG)
    if name == INTENT:
        write_intent(champion.ledger.store, ENTRY, champion.ledger.keys)
    path = settings.home / name
    content, stopped = path.read_bytes(), 0
    for what, torn in torn_versions(content).items():
        path.write_bytes(torn)
        read = functools.partial(agreed_champion, champion.registry, champion.ledger)
        for attempt in (read, functools.partial(champion_digest, settings, champion.registry)):
            try:
                assert attempt() == serving, what
                assert name == KEY, f"not noticed: {name} {what}"
            except LeaplineError as exc:
                stopped += 1
                assert name in str(exc), f"{what}: {exc}"
        assert champion.registry.digest(CHAMPION_TAG) == serving
        path.write_bytes(content)
    assert stopped >= 4


def test_torn_ledger_lets_no_other_model_become_the_champion(champion: ChampionTags, settings: Settings) -> None:
    serving, next_one = (champion.registry.digest(name) for name in (CHAMPION_TAG, f"{THIRD}-0123456789ab"))
    path = settings.home / KEY
    content = path.read_bytes()
    for torn in (b"", content[: len(content) // 4], bytes(len(content))):
        path.write_bytes(torn)
        with pytest.raises(LeaplineError, match="ledger verify"):
            champion.promote(str(next_one), run(9), expected_current=None)
        assert path.read_bytes() == torn, "what a person has to look at stays"
    assert champion.registry.digest(CHAMPION_TAG) == serving
    path.write_bytes(content)
    assert champion.promote(str(next_one), run(9), expected_current=serving).moved


def test_torn_tag_in_the_registry_is_no_cold_start(
    champion: ChampionTags, settings: Settings, storage: LocalRegistry
) -> None:
    """Whatever the registry answers about a tag whose file is damaged, the ledger names a champion."""
    [link] = storage.folder.rglob(f"tags/{CHAMPION_TAG}/current/link")
    content = link.read_bytes()
    for torn in (b"", content[: len(content) // 2], bytes(len(content)), b"sha256:" + b"0" * 64):
        link.write_bytes(torn)
        with pytest.raises(LeaplineError):
            champion_digest(settings, champion.registry)
    link.write_bytes(content)
    assert champion_digest(settings, champion.registry)
