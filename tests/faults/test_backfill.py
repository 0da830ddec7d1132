"""Days rebuilt two at a time beside a nightly run: the same images as one after the other, and the champion stays."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import pytest

from leapline.deployment.factory import registry
from leapline.local.registry_service import LocalRegistry
from leapline.records import history
from leapline.records.candidates import candidates
from leapline.records.serving_state import ledger_rows
from leapline.runtime.spark_cds import FEW_EVENTS
from leapline.settings import Settings
from leapline.storage import Lake
from tests.command import environment
from tests.conftest import ROOT
from tests.lakes import folder_of
from tests.ports import free_address
from tests.steps import shop

NIGHT = date(2026, 3, 20)
DAYS = [NIGHT - timedelta(days=n) for n in range(2, 0, -1)]
pytestmark = [pytest.mark.e2e, pytest.mark.spark, pytest.mark.timeout(1800)]

CODE = """
import sys; from datetime import date; from importlib import import_module
from leapline.runtime.context import RunContext
from leapline.runtime.step import perform
from leapline.runtime.spark import spark_session
from leapline.settings import Settings
settings, kind = Settings.load(), sys.argv[1]
for day in sys.argv[2:]:
    run = RunContext(date.fromisoformat(day), f"test-{day}", kind == "backfill")
    with spark_session(settings, "test"):
        for step in ("featurize", "train", "evaluate", "gate", "package", "probe", "publish", "promote"):
            summary = perform(step, import_module(f"leapline.steps.{step}").run, settings, run)
            assert summary.get("passed", True), summary
"""


def installation(folder: Path) -> tuple[Settings, LocalRegistry]:
    lake = Lake(folder / "lake")
    for day in [DAYS[0] - timedelta(days=1), *DAYS, NIGHT]:
        shop.open_day(lake, day, 900)
    local = LocalRegistry(folder / "registry", ROOT / ".local/bin/registry", free_address())
    settings = Settings(
        home=folder_of(lake), tools=ROOT / ".local", registry=local.start().address, training_days=1, probe_rows=1000,
        forest_trees=6, forest_depth=5, roc_auc_threshold=0.6, bootstrap_resamples=200, max_calibration_error=0.2,
        min_slice_roc_auc=0, spark_master="local[1]", spark_driver_memory="1g",
        spark_driver_options=FEW_EVENTS, spark_shuffle_partitions=2, champion_margin=0.2,
        min_baseline_gain=-1,
    )  # fmt: skip
    return settings, local


def process(settings: Settings, kind: str, *days: date) -> None:
    """Whole runs of days, one after the other, in a process of their own."""
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path), **environment(settings)}
    done = subprocess.run([sys.executable, "-c", CODE, kind, *map(str, days)], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def digests(settings: Settings) -> dict[str, str | None]:
    return {row.data_day: row.digest for row in candidates(Lake(settings.home))}


def test_concurrent_backfill_and_nightly_run_equal_sequential_runs(tmp_path: Path) -> None:
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
        process(apart, "backfill", *DAYS)
        assert registry(apart).digest("champion") is None
        process(apart, "nightly", NIGHT)
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
