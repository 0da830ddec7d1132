"""Two days of three visitors in a lake, for the tests of visitors' rights."""

from pathlib import Path

import pytest

from leapline.settings import Settings
from leapline.storage import Lake
from tests.events.lines import KEY, at, land, line
from tests.privacy.shop import ANNAS, FIRST, SECOND, STEPS, visit
from tests.steps.nights import copy_of, do


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Two days of three visitors, cleaned and checked, with examples."""
    folder = tmp_path_factory.mktemp("prepared")
    for day in (0, 1):
        lines = [
            text for visitor in ("anna", "ben", "charles") for hour in (9, 12) for text in visit(visitor, hour, day)
        ]
        if day:  # Anna loads the confirmation page of yesterday's order again.
            lines += [line("again", at(15, 1), "anna again", event="transaction", tr_orderid="anna 0 9", **ANNAS)]
        land(folder / "landing", lines, run=f"2026-03-0{2 + day}-13-00-00", part=0)
    settings = Settings(
        home=folder / "lake", landing=folder / "landing", pseudonym_key=KEY.decode(), training_days=1,
        spark_shuffle_partitions=2,
    )  # fmt: skip
    for day in (FIRST, SECOND):
        do(settings, day, *STEPS)
    return settings


@pytest.fixture
def settings(prepared: Settings, tmp_path: Path) -> Settings:
    return copy_of(prepared, tmp_path)


@pytest.fixture
def lake(settings: Settings) -> Lake:
    return Lake(settings.home)
