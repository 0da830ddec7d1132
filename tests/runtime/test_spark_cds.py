"""What a Spark driver's JVM is told, and that this suite's own was told it."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from leapline.runtime.spark_cds import ARCHIVE, FEW_EVENTS, driver_options
from leapline.settings import Settings
from tests.conftest import ROOT

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_an_archive_is_used_where_there_is_one(tmp_path: Path) -> None:
    settings = Settings(tools=tmp_path, spark_driver_options="-Xint")
    assert driver_options(settings) == "-Xint"
    (tmp_path / ARCHIVE).touch()
    assert driver_options(settings).split() == [
        f"-XX:SharedArchiveFile={tmp_path}/{ARCHIVE}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off", "-Xint",
    ]  # fmt: skip


def test_a_path_that_options_cannot_hold_is_left_out(tmp_path: Path) -> None:
    tools = tmp_path / "my tools"
    tools.mkdir()
    (tools / ARCHIVE).touch()
    assert driver_options(Settings(tools=tools)) == ""


@pytest.mark.spark
def test_a_driver_maps_the_archive_of_setup(spark: "SparkSession") -> None:
    beans = spark.sparkContext._jvm.java.lang.management.ManagementFactory  # type: ignore[union-attr]
    told = list(beans.getRuntimeMXBean().getInputArguments())
    assert FEW_EVENTS in told
    archive = ROOT / ".local" / ARCHIVE
    if not archive.exists():
        pytest.skip(f"NO ARCHIVE: {archive} is not there; `make setup` writes it")
    assert f"-XX:SharedArchiveFile={archive}" in told
    mapped = Path(f"/proc/{beans.getRuntimeMXBean().getPid()}/maps")
    if mapped.exists():
        assert str(archive) in mapped.read_text()
