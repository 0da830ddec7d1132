"""The JVM options of a Spark driver, and whether this suite's driver received them."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from leapline.runtime.spark_cds import ARCHIVE, FEW_EVENTS, driver_options
from leapline.settings import Settings
from tests.conftest import ROOT

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_options_name_an_existing_archive(tmp_path: Path) -> None:
    settings = Settings(tools=tmp_path, spark_driver_options="-Xint")
    assert driver_options(settings) == "-Xint"
    (tmp_path / ARCHIVE).touch()
    assert driver_options(settings).split() == [
        f"-XX:SharedArchiveFile={tmp_path}/{ARCHIVE}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off", "-Xint",
    ]  # fmt: skip


def test_archive_in_a_path_with_spaces_is_ignored(tmp_path: Path) -> None:
    tools = tmp_path / "my tools"
    tools.mkdir()
    (tools / ARCHIVE).touch()
    assert driver_options(Settings(tools=tools)) == ""


@pytest.mark.spark
def test_driver_maps_the_archive(spark: "SparkSession") -> None:
    beans = spark.sparkContext._jvm.java.lang.management.ManagementFactory  # type: ignore[union-attr]
    arguments = list(beans.getRuntimeMXBean().getInputArguments())
    assert FEW_EVENTS in arguments
    archive = ROOT / ".local" / ARCHIVE
    if not archive.exists():
        pytest.skip(f"ARCHIVE MISSING: {archive}; `make setup` writes it")
    assert f"-XX:SharedArchiveFile={archive}" in arguments
    maps = Path(f"/proc/{beans.getRuntimeMXBean().getPid()}/maps")
    if maps.exists():
        assert str(archive) in maps.read_text()
