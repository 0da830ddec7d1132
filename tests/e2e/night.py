"""Nights of a small installation, whose results are compared: in folders, in buckets, on a cluster."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

from leapline.runtime.context import STEPS
from leapline.runtime.reports import past_report
from leapline.runtime.spark_cds import FEW_EVENTS
from leapline.settings import Settings
from leapline.storage import Lake
from tests.command import environment
from tests.conftest import ROOT

DAY: Final = date(2026, 3, 4)
RUN_ID: Final = "scheduled__night"
TABLES: Final = (("events", "events"), ("orders", "orders"), ("examples", "examples"), ("examples", "items"))
"""The tables of a day: dataset and name."""

_CODE: Final = """
import json, sys; from datetime import date; from importlib import import_module
from leapline.runtime.context import RunContext
from leapline.runtime.spark import spark_session
from leapline.runtime.step import perform
from leapline.settings import Settings
installations, steps = json.loads(sys.argv[3]), json.loads(sys.argv[4])
run = RunContext(date.fromisoformat(sys.argv[1]), sys.argv[2])
with spark_session(Settings.load(), "test"):
    for changed in installations:
        settings = Settings.load(**changed)
        for step in steps:
            perform(step, import_module(f"leapline.steps.{step}").run, settings, run)
"""


@dataclass(frozen=True)
class Night:
    """An installation after one night.

    Args:
        settings: of the installation.
        lake: of the installation.
        run_id: of the night.
    """

    settings: Settings
    lake: Lake
    run_id: str = RUN_ID

    def summary(self, step: str) -> dict[str, Any]:
        """Return a step's summary."""
        report = past_report(self.settings, self.run_id, step)
        assert report is not None and report["ok"], (step, report)
        return report["summary"]

    def table(self, dataset: str, name: str) -> dict[str, str]:
        """Return the digest of each file of a table, by the digest's order."""
        folder = self.lake.current(dataset, DAY) / name
        tables = [pq.read_table(path) for path in sorted(folder.glob("*.parquet"))]
        digests = sorted(hashlib.sha256(f"{table.schema}{table.to_pydict()}".encode()).hexdigest() for table in tables)
        return {f"{number}": digest for number, digest in enumerate(digests)}


def settings_of(folder: Path, **values: Any) -> Settings:
    """Return the settings of an installation in a folder, with a small forest and limits that a small day meets."""
    return Settings(
        home=folder / "home", pseudonym_key="a key for tests, of at least 32 bytes", tools=ROOT / ".local",
        training_days=1, forest_trees=12, forest_depth=6, roc_auc_threshold=0.6, min_slice_roc_auc=0,
        max_calibration_error=0.2, max_calibration_ratio=2, max_progress_loss=1, bootstrap_resamples=200,
        probe_rows=1000, spark_master="local[2]", spark_driver_memory="2g", spark_driver_options=FEW_EVENTS,
        spark_shuffle_partitions=2, **values,
    )  # fmt: skip


def run_steps(settings: Settings, *installations: dict[str, str], steps: Sequence[str] = STEPS) -> None:
    """Run steps of one or more installations in one driver, which has the options of `settings`.

    Args:
        settings: of the driver.
        installations: for each, the settings in which it differs.
        steps: the steps.
    """
    arguments = [DAY.isoformat(), RUN_ID, json.dumps(installations or ({},)), json.dumps(steps)]
    done = subprocess.run(
        [sys.executable, "-c", _CODE, *arguments], cwd=settings.tools, env=os.environ | environment(settings),
        capture_output=True, text=True, timeout=800,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
