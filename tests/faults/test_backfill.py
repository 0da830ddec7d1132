"""Days rebuilt two at a time beside a nightly run: the same images as one after the other, and the champion stays."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from importlib import import_module
from pathlib import Path

import pytest

from leapline.deployment.factory import registry
from leapline.local.registry_service import LocalRegistry
from leapline.records import history
from leapline.records.candidates import candidates
from leapline.records.serving_state import ledger_rows
from leapline.runtime.context import RunContext
from leapline.runtime.spark_cds import FEW_EVENTS
from leapline.runtime.step import perform
from leapline.settings import Settings
from leapline.storage import Lake
from tests.command import environment
from tests.conftest import ROOT
from tests.lakes import folder_of
from tests.ports import free_address
from tests.steps import shop
from tests.steps.nights import JUDGE, SHIP, few_features

NIGHT = date(2026, 3, 20)
DAYS = [NIGHT - timedelta(days=n) for n in range(2, 0, -1)]
pytestmark = [pytest.mark.e2e, pytest.mark.spark, pytest.mark.timeout(1800)]

CODE = """
import sys; from datetime import date
from leapline.runtime.spark import spark_session
from leapline.settings import Settings
from tests.faults.test_backfill import run_days
settings = Settings.load()
with spark_session(settings, "test"):
    run_days(settings, sys.argv[1], *map(date.fromisoformat, sys.argv[2:]))
"""


def run_days(settings: Settings, kind: str, *days: date) -> None:
    """Run whole days, one after the other, in the active Spark session."""
    for day in days:
        run = RunContext(day, f"test-{day}", kind == "backfill")
        for step in ("featurize", *JUDGE, *SHIP):
            summary = perform(step, import_module(f"leapline.steps.{step}").run, settings, run)
            assert summary.get("passed", True), summary


def installation(folder: Path) -> tuple[Settings, LocalRegistry]:
    lake = Lake(folder / "lake")
    for day in [DAYS[0] - timedelta(days=1), *DAYS, NIGHT]:
        shop.open_day(lake, day, 900)
    local = LocalRegistry(folder / "registry", ROOT / ".local/bin/registry", free_address())
    settings = Settings(
        home=folder_of(lake), tools=ROOT / ".local", registry=local.start().address, training_days=1, probe_rows=1000,
        forest_trees=6, forest_depth=5, roc_auc_threshold=0.6, bootstrap_resamples=200, max_calibration_error=0.2,
        min_slice_roc_auc=0, spark_master="local[1]", spark_driver_memory="1g",
        spark_driver_options=FEW_EVENTS, spark_shuffle_partitions=2, champion_margin=0.2, best_champion_margin=0.2,
        min_baseline_gain=-1, champion_precision_margin=1, max_calibration_ratio=2, max_progress_loss=1,
        min_progress_roc_auc=0,
    )  # fmt: skip
    return few_features(settings), local


def process(settings: Settings, kind: str, day: date) -> None:
    """Run a whole day in a process of its own."""
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path), **environment(settings)}
    done = subprocess.run([sys.executable, "-c", CODE, kind, str(day)], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def digests(settings: Settings) -> dict[str, str | None]:
    return {row.data_day: row.digest for row in candidates(Lake(settings.home))}


@pytest.mark.usefixtures("spark")
def test_concurrent_backfill_and_nightly_run_equal_sequential_runs(tmp_path: Path) -> None:
    """The concurrent runs have a Spark driver each, the sequential ones that of the tests."""
    if not (ROOT / ".local/bin/registry").exists():
        pytest.skip("TOOLS ABSENT: `make setup` puts the registry, crane and the scorer into .local")
    together, one = installation(tmp_path / "together")
    apart, other = installation(tmp_path / "apart")
    try:
        with ThreadPoolExecutor(3) as nightly, ThreadPoolExecutor(2) as backfill:
            runs = [nightly.submit(process, together, "nightly", NIGHT)]
            runs += [backfill.submit(process, together, "backfill", day) for day in DAYS]
            for run in runs:
                run.result()
        run_days(apart, "backfill", *DAYS)
        assert registry(apart).digest("champion") is None
        run_days(apart, "nightly", NIGHT)
        image_digests = digests(together)
        assert image_digests == digests(apart)
        assert len(image_digests) == len(DAYS) + 1
        assert registry(together).digest("champion") == image_digests[NIGHT.isoformat()]
        assert [row["run_id"] for row in ledger_rows(together)] == [f"test-{NIGHT}"]
        results = {row["data_day"]: row["result"] for row in history.rows(Lake(together.home))}
        expected = dict.fromkeys((day.isoformat() for day in DAYS), "would have been published")
        assert results == expected | {NIGHT.isoformat(): "published"}
    finally:
        one.stop()
        other.stop()
