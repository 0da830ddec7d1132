"""The drill: a healthy run as a base, a second model, and then one fault after the other on copies of the lake.

healthy run ─▶ champion          copies of the lake after each stage of a second run:
                   └─▶ train ─▶ evaluate ─▶ gate ─▶ package ─▶ probe ─▶ publish ─▶ promote
each fault: copy of the stage before ─▶ break it ─▶ run the rest ─▶ compare tags and ledger ─▶ repair
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leapline.drill.faults import Fault, faults
from leapline.drill.site import Site, create_site
from leapline.drill.stages import Stop, run_stages
from leapline.errors import LocalServiceError
from leapline.runtime.context import STEPS
from leapline.runtime.spark import shared_driver
from leapline.settings import Settings

SESSIONS: Final = 1500
"""Generated sessions per day."""
_SECOND: Final = ("train", "evaluate", "gate", "package", "probe", "publish", "promote")
Reporter = Callable[[str], None]


@dataclass(frozen=True)
class Row:
    """The result of one fault.

    Attributes:
        stage: what was broken: the stage,
        broken: and how.
        noticed_in: the stage that noticed it; empty if none did.
        error: the first line of its error.
        changed: what was published or promoted all the same.
    """

    stage: str
    broken: str
    noticed_in: str
    error: str
    changed: list[str]

    @property
    def ok(self) -> bool:
        """Whether the fault was noticed and nothing was published or promoted."""
        return bool(self.noticed_in) and not self.changed


def run_drill(
    installed: Settings, report: Reporter, folder: Path | None = None, sessions_per_day: int = SESSIONS
) -> list[Row]:
    """Break each stage of a run on a scratch installation.

    Args:
        installed: settings of the user's installation; only its tools and the options of Spark's driver are used.
        report: receives progress messages.
        folder: an empty folder for the scratch installation, which stays; a temporary one if None.
        sessions_per_day: of the generated shop.

    Raises:
        SettingsError: the folder is not empty.
        LocalServiceError: the healthy run did not end well, so there is nothing to break.
        RegistryError: the scratch registry does not start.
        ToolMissingError: a tool is missing.
    """
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="leapline-drill-") as temporary:
            return run_drill(installed, report, Path(temporary), sessions_per_day)
    report("Generating a small shop")
    site = create_site(folder, installed, sessions_per_day)
    try:
        with shared_driver():
            report("A healthy run, whose model becomes the champion")
            _require_success(run_stages(site, STEPS, {}, run_id="drill-1"))
            site.save("champion")
            return _break_all(site, report)
    finally:
        site.service.stop()


def _break_all(site: Site, report: Reporter) -> list[Row]:
    """Run the second model stage by stage; break what comes after each stage."""
    rows, pending = [], faults(site)
    for stage in ("champion", *_SECOND):
        if stage != "champion":
            report(f"The second model: {stage}")
            if stage != "train":
                site.restore(_SECOND[_SECOND.index(stage) - 1])
            else:
                site.restore("champion")
            _require_success(run_stages(site, [stage], {"seed": site.settings.seed + 1}))
            site.save(stage)
        for fault in (fault for fault in pending if fault.copy == stage):
            report(f"  {fault.stage}: {fault.broken}")
            rows.append(_break(site, fault))
    return rows


def _break(site: Site, fault: Fault) -> Row:
    site.restore(fault.copy)
    try:
        before = site.state()
        fault.plant(site)
        # What `plant` itself changes in ledger and tags is no promotion.
        planted = site.state() if site.service.status().running else before
        stages = STEPS[STEPS.index(fault.start or fault.stage) :]
        stop = run_stages(site, stages, {"seed": site.settings.seed + 1, **fault.overrides})
        if not site.service.status().running:
            site.service.start()
        changed = planted.changes_to(site.state())
    finally:
        fault.repair(site)
    lines = stop.reason.strip().splitlines() if stop else []
    return Row(fault.stage, fault.broken, stop.stage if stop else "", lines[0] if lines else "", changed)


def _require_success(stop: Stop | None) -> None:
    if stop:
        raise LocalServiceError(
            f"step {stop.stage} of the drill", found=stop.reason, expected="a healthy run, which can be broken",
            fix="Correct the installation first: `leapline doctor`.",
        )  # fmt: skip
