"""Several repositories: a model is in all of them, and `champion` moves in all of them or in none."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from leapline.deployment.factory import champion_tags, more_registries
from leapline.errors import RegistryError, SettingsError, TagConflictError
from leapline.promotion.intent import INTENT
from leapline.promotion.ledger import Ledger
from leapline.promotion.promote import ChampionTags, PromotionRequest
from leapline.promotion.tag_moves import CHAMPION_TAG, PREVIOUS_TAG, TagMove, copy_image
from leapline.serving.registry import Registry
from leapline.settings import Settings
from leapline.storage import LocalStore, json_bytes
from tests.conftest import ROOT
from tests.fakes.registry_proxy import Fault, RegistryProxy

REQUEST = PromotionRequest(who="airflow", why="it passed", run_id="r1", when=datetime(2026, 3, 2, 1, tzinfo=UTC))
Publish = Callable[[str], str]


def run(number: int) -> PromotionRequest:
    return replace(REQUEST, run_id=f"r{number}")


@pytest.fixture
def proxies(registry_address: str) -> Iterator[list[RegistryProxy]]:
    """Two further registries: proxies of the real one, so that each can fail."""
    with ExitStack() as stack:
        yield [stack.enter_context(RegistryProxy(registry_address)) for _ in range(2)]


@pytest.fixture
def others(proxies: list[RegistryProxy], repository: str, crane: Path) -> list[Registry]:
    """Repositories of their own in the further registries."""
    images = [f"{proxy.address}/{repository}-{n}" for n, proxy in enumerate(proxies)]
    return [Registry(image, crane, budget_s=1) for image in images]


@pytest.fixture
def champion(registry: Registry, others: list[Registry], tmp_path: Path) -> ChampionTags:
    return ChampionTags(registry, Ledger(LocalStore(tmp_path / "ledger")), others)


def champions(tags: ChampionTags) -> list[str | None]:
    """The champion of each repository, the deciding one first."""
    return [registry.digest(CHAMPION_TAG) for registry in (tags.registry, *tags.others)]


def test_promotion_and_rollback_move_the_tags_everywhere(champion: ChampionTags, published: Publish) -> None:
    one, two = published("2026-03-01"), published("2026-03-02")
    champion.promote(one, run(1), expected_current=None)
    assert champions(champion) == [one] * 3
    champion.promote(two, run(2), expected_current=one)
    assert champions(champion) == [two] * 3
    assert [other.digest(PREVIOUS_TAG) for other in champion.others] == [one, one]
    champion.rollback(run(3))
    assert champions(champion) == [one] * 3
    assert len(champion.ledger.entries()) == 3


def test_model_that_a_registry_lacks_is_copied_before_the_move(
    champion: ChampionTags, others: list[Registry], published: Publish
) -> None:
    one = published("2026-03-01")
    assert others[0].digest("2026-03-01-0123456789ab") is None
    champion.promote(one, run(1), expected_current=None)
    assert [other.digest("2026-03-01-0123456789ab") for other in others] == [one, one]


def test_registry_that_is_added_later_gets_the_champion(
    champion: ChampionTags, registry: Registry, published: Publish
) -> None:
    one = published("2026-03-01")
    ChampionTags(registry, champion.ledger).promote(one, run(1), expected_current=None)
    assert champions(champion) == [one, None, None]
    assert not champion.promote(one, run(2), expected_current=one).moved
    assert champions(champion) == [one] * 3


@pytest.mark.parametrize(("broken", "status"), [(0, 403), (1, 403), (1, 503)])
def test_failing_registry_leaves_the_champion_of_all(
    champion: ChampionTags, proxies: list[RegistryProxy], published: Publish, broken: int, status: int
) -> None:
    one, two = published("2026-03-01"), published("2026-03-02")
    champion.promote(one, run(1), expected_current=None)
    proxies[broken].faults.append(Fault("PUT", f"/manifests/{CHAMPION_TAG}", status=status, times=50))
    with pytest.raises(RegistryError):
        champion.promote(two, run(2), expected_current=one)
    proxies[broken].faults.clear()
    assert champions(champion) == [one] * 3
    assert champion.ledger.store.get(INTENT) is None
    assert len(champion.ledger.entries()) == 1
    assert champion.promote(two, run(2), expected_current=one).moved
    assert champions(champion) == [two] * 3


def test_registry_that_refuses_previous_undoes_every_move(
    champion: ChampionTags, proxies: list[RegistryProxy], published: Publish
) -> None:
    one, two, three = (published(f"2026-03-0{day}") for day in (1, 2, 3))
    champion.promote(one, run(1), expected_current=None)
    champion.promote(two, run(2), expected_current=one)
    proxies[1].faults.append(Fault("PUT", f"/manifests/{PREVIOUS_TAG}", status=403, times=50))
    with pytest.raises(RegistryError):
        champion.promote(three, run(3), expected_current=two)
    proxies[1].faults.clear()
    assert champions(champion) == [two] * 3
    assert [other.digest(PREVIOUS_TAG) for other in champion.others] == [one, one]


def test_unreachable_registry_prevents_every_move(
    champion: ChampionTags, proxies: list[RegistryProxy], published: Publish
) -> None:
    one, two = published("2026-03-01"), published("2026-03-02")
    champion.promote(one, run(1), expected_current=None)
    proxies[1].faults.append(Fault("HEAD", "/manifests/", status=503, times=50))
    proxies[1].faults.append(Fault("GET", "/manifests/", status=503, times=50))
    proxies[0].seen.clear()
    with pytest.raises(RegistryError):
        champion.promote(two, run(2), expected_current=one)
    proxies[1].faults.clear()
    assert champions(champion) == [one] * 3
    assert not [request for request in proxies[0].seen if request.startswith("PUT") and request.endswith(CHAMPION_TAG)]


def test_move_that_cannot_be_undone_is_completed_by_the_next_run(
    champion: ChampionTags, proxies: list[RegistryProxy], published: Publish
) -> None:
    """The first champion cannot be taken back, because tags cannot be removed."""
    one = published("2026-03-01")
    proxies[1].faults.append(Fault("PUT", f"/manifests/{CHAMPION_TAG}", status=503, times=50))
    with pytest.raises(RegistryError, match="moved in some of them only.*Run the step again; it completes the move"):
        champion.promote(one, run(1), expected_current=None)
    assert champions(champion) == [None, one, None]
    proxies[1].faults.clear()
    champion.promote(one, run(1), expected_current=None)
    assert champions(champion) == [one] * 3
    assert len(champion.ledger.entries()) == 1


def test_failed_completion_of_an_interrupted_move_leaves_the_champion_of_all(
    champion: ChampionTags, proxies: list[RegistryProxy], published: Publish
) -> None:
    """The run that moved the first repository was killed, and the next run fails at the second one."""
    one, two = published("2026-03-01"), published("2026-03-02")
    champion.promote(one, run(1), expected_current=None)
    moved = TagMove([champion.registry, *champion.others], two, one)
    proxies[1].faults.append(Fault("PUT", f"/manifests/{CHAMPION_TAG}", status=403, times=50))
    champion.ledger.store.put(INTENT, json_bytes(intent(one, two)))
    copy_image(champion.registry, champion.others[0], two)
    copy_image(champion.registry, champion.others[1], two)
    with pytest.raises(RegistryError):
        moved.carry_out()
    assert champions(champion) == [one, two, one]
    with pytest.raises(RegistryError):
        champion.promote(two, run(2), expected_current=one)
    assert champions(champion) == [one] * 3
    assert champion.ledger.store.get(INTENT) is None


def test_first_champion_is_completed_however_often_that_fails(
    champion: ChampionTags, proxies: list[RegistryProxy], published: Publish
) -> None:
    one = published("2026-03-01")
    proxies[1].faults.append(Fault("PUT", f"/manifests/{CHAMPION_TAG}", status=403, times=50))
    for _ in range(2):
        with pytest.raises(RegistryError, match="moved in some of them only"):
            champion.promote(one, run(1), expected_current=None)
    proxies[1].faults.clear()
    champion.promote(one, run(1), expected_current=None)
    assert champions(champion) == [one] * 3


def intent(before: str, after: str) -> dict[str, str]:
    """The intent of a run that moves the champion, as it is kept until the move is complete."""
    return {
        "when": REQUEST.when.isoformat(), "who": "airflow", "why": "it passed", "run_id": "r2", "action": "promote",
        "tag": CHAMPION_TAG, "model_id": "2026-03-02-0123456789ab", "before": before, "after": after,
    }  # fmt: skip


def test_model_id_of_another_image_stops_the_promotion(
    champion: ChampionTags, others: list[Registry], make_image: Callable[..., Path], published: Publish
) -> None:
    one = published("2026-03-01")
    others[1].push(make_image("another model", model_id="2026-03-01-0123456789ab"), "2026-03-01-0123456789ab")
    with pytest.raises(TagConflictError, match=others[1].image):
        champion.promote(one, run(1), expected_current=None)
    assert champions(champion) == [None] * 3


def test_settings_name_further_repositories(registry: Registry, others: list[Registry], tmp_path: Path) -> None:
    images = [other.image for other in others]
    settings = Settings(
        home=tmp_path, tools=ROOT / ".local", registry=registry.host, repository=registry.repository,
        more_registries=f"{images[0]}, {images[1]},{images[0]},{registry.image}",
    )  # fmt: skip
    assert [other.image for other in more_registries(settings)] == images
    assert [other.image for other in champion_tags(settings).others] == images
    with pytest.raises(
        SettingsError, match="setting more_registries .LEAPLINE_MORE_REGISTRIES.: found 'Europe.example"
    ):
        more_registries(settings.model_copy(update={"more_registries": "Europe.example/shop"}))
