"""`kill -9` of the worker while Spark writes features (fault 1): nothing is visible, the retry has each row once."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from leapline.runtime.context import RunContext
from leapline.runtime.spark_cds import FEW_EVENTS
from leapline.settings import Settings
from leapline.storage import Lake
from tests.command import environment
from tests.conftest import ROOT
from tests.faults.kills.actions import perform_step
from tests.lakes import attempts_of, current_of
from tests.steps import shop
from tests.steps.nights import FIRST, few_features

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark
WORKER = """
import sys; from datetime import date
from leapline.runtime.context import RunContext; from leapline.runtime.step import perform
from leapline.settings import Settings; from leapline.steps import featurize
perform("featurize", featurize.run, Settings.load(), RunContext(date.fromisoformat(sys.argv[1]), "run"))
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(
        home=tmp_path / "lake", tools=ROOT / ".local", training_days=1, spark_master="local[1]",
        spark_driver_memory="1g", spark_driver_options=FEW_EVENTS, spark_shuffle_partitions=2,
    )  # fmt: skip
    shop.open_day(Lake(settings.home), FIRST, 300)
    return few_features(settings)


def kill_while_spark_writes(settings: Settings) -> Path:
    """Start the step in a process with a driver of its own, and kill the process when Spark has begun to write.

    Returns:
        The file that Spark was writing.
    """
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path), **environment(settings)}
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(FIRST)], env=env, start_new_session=True)
    written: list[Path] = []
    deadline = time.monotonic() + 240
    while not written and worker.poll() is None and time.monotonic() < deadline:
        written = list(settings.home.glob(f"examples/date={FIRST}/attempt-*/examples/_temporary/**/part-*"))
        time.sleep(0.005)
    worker.send_signal(signal.SIGKILL)
    assert worker.wait(20) == -signal.SIGKILL
    assert written
    return written[0]


def drivers_of(settings: Settings) -> list[str]:
    """Return the process ids of drivers that were started for this lake."""
    drivers = subprocess.run(["pgrep", "-f", "org.apache.spark.deploy.SparkSubmit"], capture_output=True, text=True)
    return [pid for pid in drivers.stdout.split() if settings.home.as_posix() in _environment_of(pid)]


def _environment_of(pid: str) -> str:
    try:
        return Path("/proc", pid, "environ").read_text(errors="replace")
    except OSError:  # it has just ended
        return ""


@pytest.mark.usefixtures("spark")
def test_worker_killed_while_spark_writes_features_leaves_nothing_visible_and_the_retry_no_duplicates(
    settings: Settings, spark: "SparkSession"
) -> None:
    lake = Lake(settings.home)
    torn = kill_while_spark_writes(settings)
    assert not lake.has("examples", FIRST)
    assert lake.days("examples") == []
    deadline = time.monotonic() + 60
    while drivers_of(settings) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert drivers_of(settings) == [], "the driver ends with its worker"

    summary = perform_step("featurize", settings, RunContext(FIRST, "run"))[str(FIRST)]
    current = current_of(lake, "examples", FIRST)
    assert current.name not in torn.parts, "the retry has an attempt of its own"
    rows = pq.read_table(current / "examples", columns=["session", "cut"]).to_pylist()
    assert len(rows) == len({(row["session"], row["cut"]) for row in rows}) == summary["examples"] > 0
    pairs = pq.read_table(current / "items", columns=["session", "item"]).to_pylist()
    assert len(pairs) == len({(pair["session"], pair["item"]) for pair in pairs}) == summary["pairs"]
    assert len(attempts_of(lake, "examples", FIRST)) == 2, "the dead attempt stays until its heartbeat is old"
