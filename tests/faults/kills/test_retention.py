"""Retention and the steps of an erasure around Spark are killed before each of their side effects: no row of a visitor
is left that nobody would remove."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from leapline.privacy.retention import IN_EVALUATIONS, OF_VISITORS
from leapline.records import binding
from leapline.settings import Settings
from leapline.storage import Lake, write_json
from tests.faults.conftest import Copy
from tests.faults.kills.actions import retain
from tests.faults.kills.forks import Deed
from tests.faults.kills.installations import contents, require_readable
from tests.faults.kills.scenes import Scene, kill_everywhere

TODAY = datetime.now(UTC).date()
OLD, NEW = TODAY - timedelta(days=100), TODAY - timedelta(days=5)
ROWS = "rows of visitors"


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An old and a new day with rows of visitors, twice evaluated."""
    settings = Settings(home=tmp_path_factory.mktemp("lived") / "lake", retention_days=90)
    lake = Lake(settings.home)
    for day in (OLD, NEW):
        for dataset in (*OF_VISITORS, "candidates"):
            with lake.attempt(dataset, day) as out:
                write_json(out / "rows.json", ROWS if dataset in OF_VISITORS else "numbers")
                binding.seal(lake, out, {})
        for _ in range(2):
            with lake.attempt("evaluations", day) as out:
                write_json(out / "metrics.json", "numbers")
                for name in IN_EVALUATIONS:
                    write_json(out / name, ROWS)
                binding.seal(lake, out, {})
    return settings


def files_with_rows(settings: Settings) -> list[str]:
    home = settings.home
    return sorted(str(path.relative_to(home)) for path in home.rglob("*.json*") if ROWS in path.read_text())


def rows_of(settings: Settings) -> dict[str, Any]:
    days = {day for path in files_with_rows(settings) for day in (OLD, NEW) if f"date={day}" in path}
    visible = {name: digest for name, digest in contents(Lake(settings.home)).items() if not name.startswith("runs/")}
    return visible | {"days with rows": days}


def test_retention_killed_between_any_two_side_effects_leaves_no_old_rows_after_the_retry(
    lived: Settings, copied: Copy, tmp_path: Path
) -> None:
    scene = Scene(
        prepare=lambda name: copied(lived, name),
        deed=lambda settings: Deed(retain, (settings,), [settings.home], tmp_path),
        again=retain,
        require_whole=require_readable,
        result=rows_of,
    )
    kill_everywhere(scene)
    undisturbed = copied(lived, "once")
    retain(undisturbed)
    assert rows_of(undisturbed)["days with rows"] == {NEW}
