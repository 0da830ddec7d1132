"""A model whose time has passed after an erasure becomes no champion by hand; the champion itself is alerted."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from leapline.deployment.factory import registry
from leapline.deployment.manual_promotion import promote_model, roll_back
from leapline.errors import ErasureError
from leapline.promotion.promote import LOCK
from leapline.records.champion_age import retired_champion
from leapline.records.serving_state import ServingState
from leapline.settings import Settings
from leapline.storage import Lake, lake_of, write_json
from tests.conftest import ROOT
from tests.serving.conftest import MakeImage, crane, make_image, registry_address, registry_binary, repository

__all__ = ["crane", "make_image", "registry_address", "registry_binary", "repository"]
MODEL = "2026-03-01-0123456789ab"
TODAY = datetime.now(UTC).date()


def installation(tmp_path: Path, retire_by: date, **changed: str) -> Settings:
    write_json(tmp_path / "erasures" / "run.json", {"models": [MODEL], "retire_by": retire_by.isoformat()})
    write_json(tmp_path / "erasures" / "without models.json", {"models": [], "retire_by": None})
    return Settings.load(home=tmp_path, tools=ROOT / ".local", **changed)


def test_retired_model_becomes_no_champion_by_hand(
    tmp_path: Path, registry_address: str, repository: str, make_image: MakeImage
) -> None:
    address = {"registry": registry_address, "repository": repository}
    settings = installation(tmp_path, TODAY - timedelta(days=1), **address)
    registry(settings).push(make_image("a", model_id=MODEL), MODEL)
    registry(settings).tag(MODEL, "previous")
    for to in (MODEL, None):
        with pytest.raises(ErasureError, match=f"model {MODEL}.*had to be replaced by {TODAY - timedelta(days=1)}"):
            roll_back(settings, to=to, why="x", run_id="1")
    with pytest.raises(ErasureError, match="a newer model"):
        promote_model(settings, model_id=MODEL, why="x", run_id="1")
    assert registry(settings).digest("champion") is None


def test_previous_model_is_examined_when_no_other_move_can_change_it(
    tmp_path: Path, registry_address: str, repository: str, make_image: MakeImage
) -> None:
    settings = installation(tmp_path, TODAY - timedelta(days=1), registry=registry_address, repository=repository)
    newer = "2026-03-02-0123456789ab"
    for model_id in (MODEL, newer):
        registry(settings).push(make_image(model_id, model_id=model_id), model_id)
    registry(settings).tag(newer, "previous")
    with ThreadPoolExecutor() as pool, pytest.raises(ErasureError, match=f"model {MODEL}"):
        with lake_of(settings).store.lock(LOCK):
            rollback = pool.submit(roll_back, settings, to=None, why="x", run_id="1")
            with pytest.raises(TimeoutError):
                rollback.result(2)  # it waits for the lock, whatever it has looked at before
            registry(settings).tag(MODEL, "previous")
        rollback.result(60)
    assert registry(settings).digest("champion") is None


def test_retired_champion_is_a_sentence_from_its_last_day_on(tmp_path: Path) -> None:
    settings = installation(tmp_path, date(2026, 3, 31))
    serving = ServingState(model_id=MODEL)
    assert retired_champion(settings, serving, date(2026, 3, 31)) == ""
    assert "had to be replaced by 2026-03-31" in retired_champion(settings, serving, date(2026, 4, 1))
    other = ServingState(model_id="2026-04-01-0123456789ab")
    assert retired_champion(settings, other, date(2026, 4, 1)) == ""
    assert Lake(tmp_path).store.get("erasures/run.json")
