"""The serving model follows the registry's tags, or the ledger if the registry does not answer."""

from pathlib import Path

import pytest

from leapline.deployment.factory import champion_tags, registry
from leapline.deployment.manual_promotion import promote_model, roll_back
from leapline.records.serving_state import ServingState, serving_state
from leapline.serving.layout import index_digest
from leapline.settings import Settings
from leapline.storage import Lake
from tests.conftest import ROOT
from tests.lakes import record_model
from tests.ports import free_address
from tests.serving.conftest import MakeImage, crane, make_image, registry_address, registry_binary, repository

__all__ = ["crane", "make_image", "registry_address", "registry_binary", "repository"]


@pytest.fixture
def settings(tmp_path: Path, registry_address: str, repository: str) -> Settings:
    return Settings(home=tmp_path / "lake", tools=ROOT / ".local", registry=registry_address, repository=repository)


def test_champion_and_its_start_follow_promotions_and_rollbacks(settings: Settings, make_image: MakeImage) -> None:
    assert serving_state(settings) == ServingState()
    digests = []
    for day in ("2026-03-01", "2026-03-02"):
        image = make_image(day, model_id=f"{day}-0123456789ab", day=day)
        registry(settings).push(image, f"{day}-0123456789ab")
        record_model(Lake(settings.home), f"{day}-0123456789ab", index_digest(image))
        promote_model(settings, model_id=f"{day}-0123456789ab", why="test", run_id=day)
        digests.append(index_digest(image))
    state = serving_state(settings)
    assert (state.champion, state.previous, state.model_id) == (digests[1], digests[0], "2026-03-02-0123456789ab")
    roll_back(settings, to=None, why="test", run_id="back")
    after = serving_state(settings)
    assert (after.champion, after.model_id) == (digests[0], "2026-03-01-0123456789ab")
    assert after.since and state.since and after.since > state.since
    assert (after.tags_of(digests[0]), after.tags_of(digests[1])) == ("champion", "previous")


def test_tag_moved_elsewhere_takes_precedence_over_the_ledger(settings: Settings, make_image: MakeImage) -> None:
    for day in ("2026-03-01", "2026-03-02"):
        image = make_image(day, model_id=f"{day}-0123456789ab", day=day)
        registry(settings).push(image, f"{day}-0123456789ab")
        record_model(Lake(settings.home), f"{day}-0123456789ab", index_digest(image))
    promote_model(settings, model_id="2026-03-02-0123456789ab", why="test", run_id="r")
    champion_tags(settings).registry.tag("2026-03-01-0123456789ab", "champion")
    state = serving_state(settings)
    assert state.champion == registry(settings).digest("2026-03-01-0123456789ab")
    assert state.since is None
    assert "moved there without an entry in the ledger" in state.contradiction
    assert "leapline ledger accept" in state.contradiction


def test_ledger_is_used_while_the_registry_is_down(settings: Settings, make_image: MakeImage) -> None:
    image = make_image("a", model_id="2026-03-01-0123456789ab")
    registry(settings).push(image, "2026-03-01-0123456789ab")
    record_model(Lake(settings.home), "2026-03-01-0123456789ab", index_digest(image))
    promote_model(settings, model_id="2026-03-01-0123456789ab", why="test", run_id="r")
    state = serving_state(settings.model_copy(update={"registry": free_address()}))
    assert (state.champion, state.model_id) == (index_digest(image), "2026-03-01-0123456789ab")
    assert "no answer" in state.problem
    assert state.tags_of(state.champion) == "?"
