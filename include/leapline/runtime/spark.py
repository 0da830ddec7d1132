"""The Spark session of a job: the same under `spark-submit` and by hand."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from leapline.runtime.spark_cds import OPTIONS, driver_options, quiet_options, stay_here
from leapline.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@contextmanager
def spark_session(settings: Settings, name: str, more: Mapping[str, str] | None = None) -> Iterator["SparkSession"]:
    """A session that ends with the block, unless one was running before (a notebook's, a test's).

    Under `spark-submit` master and memory are those of the Airflow connection; by hand those of the settings.
    `more` is Spark configuration on top, for a session that this call starts.
    """
    stay_here()
    from pyspark.sql import SparkSession

    running = SparkSession.getActiveSession()
    session = running or _build(settings, name, more or {})
    session.sparkContext.setLogLevel("ERROR")
    try:
        yield session
    finally:
        if running is None:
            session.stop()


def _build(settings: Settings, name: str, more: Mapping[str, str]) -> "SparkSession":
    from pyspark import SparkConf
    from pyspark.sql import SparkSession

    submitted = SparkConf().contains("spark.master")
    builder = SparkSession.builder.appName(f"leapline-{name}")
    if not submitted:
        builder = builder.master(settings.spark_master).config("spark.driver.memory", settings.spark_driver_memory)
        builder = builder.config(OPTIONS, f"{driver_options(settings)} {quiet_options()}".strip())
        builder = (
            builder.config("spark.driver.host", "127.0.0.1") if settings.spark_master.startswith("local") else builder
        )
    for key, value in (_session_settings(settings) | dict(more)).items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def _session_settings(settings: Settings) -> dict[str, str]:
    return {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": str(settings.spark_shuffle_partitions),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.ansi.enabled": "true",
        # Up to so many files are listed by the driver itself: a night's few hundred are seen sooner than a job starts.
        "spark.sql.sources.parallelPartitionDiscovery.threshold": "10000",
        # The other nights' files are many and small; two large shares of them are never equal work.
        "spark.sql.files.minPartitionNum": str(settings.spark_shuffle_partitions),
        # Case is only mapped in hexadecimal digits, where Unicode's rules cost seconds to load.
        "spark.sql.icu.caseMappings.enabled": "false",
        # The committer that renames last; the lake swaps whole folders anyway, so no _SUCCESS marks.
        "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
    }
