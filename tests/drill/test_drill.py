"""The whole drill: every fault of every stage is stopped, and a run that nothing breaks counts as not stopped."""

from pathlib import Path

import pytest

from leapline.drill import run as drill
from leapline.drill.faults import Fault, faults
from leapline.drill.site import Site
from leapline.runtime.context import STEPS
from leapline.settings import Settings
from tests.conftest import ROOT

pytestmark = [pytest.mark.drill, pytest.mark.spark, pytest.mark.timeout(1800)]


def test_every_stage_is_broken_and_nothing_is_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def with_a_healthy_run(site: Site) -> list[Fault]:
        champion = str(site.registry.digest("champion"))
        healthy = Fault(
            "promote", "nothing is broken", lambda _: None, "publish",
            repair=lambda site: site.registry.tag(champion, "champion"),
        )  # fmt: skip
        return [*faults(site), healthy]

    monkeypatch.setattr(drill, "faults", with_a_healthy_run)
    rows = drill.run_drill(Settings(tools=ROOT / ".local"), print, tmp_path / "scratch")
    healthy = next(row for row in rows if row.broken == "nothing is broken")
    assert not healthy.ok
    assert {"tag champion", "the ledger"} <= set(healthy.changed)
    others = [row for row in rows if row is not healthy]
    assert {row.stage for row in others} == set(STEPS)
    assert [row for row in others if not row.ok or not row.error] == []
    assert not [row.error for row in others if row.error.startswith(("RuntimeError", "KeyError", "Py4J"))]
