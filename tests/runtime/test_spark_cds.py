"""The JVM options of a Spark driver, and whether this suite's driver received them."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from leapline.runtime.spark_cds import ARCHIVE, FEW_EVENTS, driver_options, quiet_options
from leapline.settings import Settings
from tests.conftest import ROOT

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_options_name_an_existing_archive(tmp_path: Path) -> None:
    settings = Settings(tools=tmp_path, spark_driver_options="-Xint")
    assert driver_options(settings) == "-XX:ReservedCodeCacheSize=512m -Xint"
    (tmp_path / ARCHIVE).touch()
    assert driver_options(settings).split() == [
        f"-XX:SharedArchiveFile={tmp_path}/{ARCHIVE}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off",
        "-XX:ReservedCodeCacheSize=512m", "-Xint",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("folder", "option"),
    [
        ("my tools", '"-XX:SharedArchiveFile={}/my tools/spark.jsa"'),
        ("Anna's tools", '"-XX:SharedArchiveFile={}/Anna\'s tools/spark.jsa"'),
        ('a "tool"', '"-XX:SharedArchiveFile={}/a \\"tool\\"/spark.jsa"'),
    ],
)
def test_paths_with_spaces_and_quotes_are_quoted(tmp_path: Path, folder: str, option: str) -> None:
    (tmp_path / folder).mkdir()
    (tmp_path / folder / ARCHIVE).touch()
    options = driver_options(Settings(tools=tmp_path / folder))
    assert options.partition(" -Xlog:cds=off ")[0] == option.format(tmp_path)


def test_site_logging_configuration_replaces_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    assert quiet_options().startswith("-Dlog4j2.configurationFile=file:///")
    (tmp_path / "log4j2.properties").touch()
    assert quiet_options() == ""


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
