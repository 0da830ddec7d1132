"""Publication, promotion and rollback are killed before each of their side effects: faults 2 and 3."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from leapline.deployment.factory import registry
from leapline.promotion.intent import INTENT
from leapline.promotion.tag_moves import CHAMPION_TAG, PREVIOUS_TAG
from leapline.settings import Settings
from leapline.storage import Lake
from tests.faults.conftest import Copy
from tests.faults.kills.actions import promote, promote_by_hand, publish, roll_back_by_hand
from tests.faults.kills.forks import Deed
from tests.faults.kills.installations import contents, moves, require_readable, tags_of
from tests.faults.kills.scenes import Scene, kill_everywhere
from tests.steps.packaged import CHAMPION, MODEL


@dataclass(frozen=True)
class Images:
    """The digests of the champion's image and of the new one."""

    champion: str
    new: str


@pytest.fixture(scope="module")
def images(promoted: Settings) -> Images:
    target = registry(promoted)
    digests = target.digest(CHAMPION), target.digest(MODEL)
    assert all(digests)
    return Images(str(digests[0]), str(digests[1]))


@pytest.fixture
def scene(images: Images, copied: Copy, registry_folder: Path, tmp_path: Path) -> Callable[..., Scene]:
    def require_whole(settings: Settings) -> None:
        require_readable(settings)
        tags = tags_of(settings, registry_folder, CHAMPION_TAG, MODEL)
        assert tags[CHAMPION_TAG] in (images.champion, images.new)
        assert tags[MODEL] in (None, images.new)

    def result(settings: Settings) -> dict[str, Any]:
        lake, names = Lake(settings.home), (CHAMPION_TAG, PREVIOUS_TAG, CHAMPION, MODEL)
        assert lake.store.get(INTENT) is None
        return contents(lake) | tags_of(settings, registry_folder, *names) | {"moves": moves(settings)}

    def scene_of(action: Callable[[Settings], object], start: Settings) -> Scene:
        return Scene(
            prepare=lambda name: copied(start, name),
            deed=lambda settings: Deed(action, (settings,), [settings.home], tmp_path),
            again=action,
            require_whole=require_whole,
            result=result,
        )

    return scene_of


SHARES = [pytest.param(5, id="a fifth"), pytest.param(1, id="all", marks=pytest.mark.every_kill)]


@pytest.mark.parametrize("every", SHARES)
def test_publication_killed_between_any_two_side_effects_is_completed_by_the_retry(
    scene: Callable[..., Scene], installed: Settings, every: int
) -> None:
    effects = kill_everywhere(scene(publish, installed), every)
    assert [effect for effect in effects if effect.startswith("run crane push")]


def test_promotion_killed_between_any_two_side_effects_is_completed_by_the_retry(
    scene: Callable[..., Scene], published: Settings
) -> None:
    effects = kill_everywhere(scene(promote, published))
    assert [effect for effect in effects if effect.startswith("run crane tag")]


@pytest.mark.parametrize("every", SHARES)
def test_promotion_by_hand_killed_between_any_two_side_effects_is_completed_by_the_retry(
    scene: Callable[..., Scene], published: Settings, every: int
) -> None:
    kill_everywhere(scene(promote_by_hand, published), every)


@pytest.mark.parametrize("every", SHARES)
def test_rollback_killed_between_any_two_side_effects_is_completed_by_the_retry(
    scene: Callable[..., Scene], promoted: Settings, every: int
) -> None:
    kill_everywhere(scene(roll_back_by_hand, promoted), every)
