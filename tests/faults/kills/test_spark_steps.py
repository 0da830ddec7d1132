"""Extraction and data check are killed before each eighth side effect of their process, beside Spark's driver.

The other steps in Spark (featurize, train, evaluate) are killed in `tests/steps/test_judged_day.py`, which has their
input. A worker that is killed together with its driver, while Spark writes, is in `tests/faults/test_spark_worker.py`.
"""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from leapline.runtime.context import RunContext
from leapline.settings import Settings
from leapline.storage import Lake
from leapline.synthetic import GeneratorSpec, generate
from tests.faults.conftest import Copy
from tests.faults.kills.actions import gateway_of, perform_spark_step, perform_step
from tests.faults.kills.forks import Deed
from tests.faults.kills.installations import contents, require_readable
from tests.faults.kills.scenes import Scene, kill_everywhere

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.every_kill]
DAY = date(2026, 3, 4)
RUN = RunContext(DAY, "run")


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A landed day, and a lake that has only what every lake has."""
    folder = tmp_path_factory.mktemp("landed")
    generate(folder / "landing", GeneratorSpec(start=DAY, days=1, sessions_per_day=60))
    settings = Settings(
        home=folder / "lake", landing=folder / "landing", pseudonym_key="k" * 32, spark_shuffle_partitions=2,
        training_days=0,
    )  # fmt: skip
    settings.home.mkdir()
    return settings


def visible(settings: Settings) -> dict[str, str]:
    """What readers see, except for the steps' reports, which have durations, and pages that are named after a time."""
    files = {name: digest for name, digest in contents(Lake(settings.home)).items() if "/data_docs/" not in name}
    return {name: "" if name.startswith("runs/") else digest for name, digest in files.items()}


def test_extraction_killed_at_each_eighth_side_effect_is_completed_by_the_retry(
    spark: "SparkSession", landed: Settings, copied: Copy, tmp_path: Path
) -> None:
    def prepare(name: str) -> Settings:
        for kept in spark.sparkContext._jsc.getPersistentRDDs().values():  # rows of a killed process
            kept.unpersist(True)
        return copied(landed, name)

    scene = Scene(
        prepare=prepare,
        deed=lambda settings: Deed(
            perform_spark_step, (gateway_of(spark), "extract", settings, RUN), [settings.home], tmp_path
        ),
        again=lambda settings: perform_step("extract", settings, RUN),
        require_whole=require_readable,
        result=visible,
    )
    kill_everywhere(scene, 8)


def test_data_check_killed_at_each_eighth_side_effect_is_completed_by_the_retry(
    landed: Settings, copied: Copy, tmp_path: Path
) -> None:
    extracted = copied(landed, "extracted")
    perform_step("extract", extracted, RUN)
    scene = Scene(
        prepare=lambda name: copied(extracted, name),
        deed=lambda settings: Deed(perform_step, ("check_events", settings, RUN), [settings.home], tmp_path),
        again=lambda settings: perform_step("check_events", settings, RUN),
        require_whole=require_readable,
        result=visible,
    )
    kill_everywhere(scene, 8)
