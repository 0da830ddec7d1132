"""The Spark session of a step, under `spark-submit` and from the command line."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from leapline.runtime.spark_cds import OPTIONS, driver_options, quiet_options
from leapline.runtime.spark_errors import driver_exit_status, named_spark_errors
from leapline.runtime.spark_executors import require_executor
from leapline.runtime.spark_jars import jars_option, with_jars
from leapline.runtime.spark_master import choose_driver_address, is_local, require_form
from leapline.runtime.spark_s3a import s3a_options
from leapline.runtime.spark_tables import table_options
from leapline.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_kept: ContextVar["list[SparkSession] | None"] = ContextVar("kept", default=None)
"""The sessions of `shared_driver`; None outside of it."""


@contextmanager
def shared_driver() -> Iterator[None]:
    """Let the steps in the block share one Spark driver: the first one that needs it starts it, the end stops it.

    They have the same settings. What a step sets on the session applies to this step alone.
    """
    sessions: list[SparkSession] = []
    token = _kept.set(sessions)
    try:
        yield
    finally:
        _kept.reset(token)
        for session in sessions:
            _stop(session)


def is_driver_shared() -> bool:
    """Return whether this is inside of `shared_driver`."""
    return _kept.get() is not None


@contextmanager
def spark_session(settings: Settings, name: str, extra: Mapping[str, str] | None = None) -> Iterator["SparkSession"]:
    """Provide a Spark session for the block; a session that was active before is used and left running.

    Under `spark-submit` master and memory come from the Airflow connection, otherwise from the settings.

    Args:
        settings: the installation's settings.
        name: part of the application's name.
        extra: further Spark configuration. A session that was active before gets those options that can be changed in
            a running session, for the block.

    Raises:
        SettingsError: the setting `spark_master` has a form that Spark does not understand.
        ClusterError: the cluster does not answer, or has no executor for this application, or the JVM has ended.
        StorageError: Spark could not read or write a bucket.
    """
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if not is_submitted():
        require_form(settings.spark_master, "setting spark_master (LEAPLINE_SPARK_MASTER)")
        choose_driver_address(settings.spark_master)
    from pyspark.sql import SparkSession

    active = SparkSession.getActiveSession()
    session = active or _build(settings, name, extra or {})
    session.sparkContext.setLogLevel("ERROR")
    if str(session.sparkContext.master).startswith("local"):
        # A session that somebody else has built, as in a notebook, may have another Python for its tasks.
        session.sparkContext.pythonExec = os.environ["PYSPARK_PYTHON"]
    if active is None and (sessions := _kept.get()) is not None:
        sessions.append(session)
    try:
        with named_spark_errors(settings):
            if active is None:
                require_executor(session)
            with _configured(session, extra or {}):
                yield session
    finally:
        if active is None and _kept.get() is None:
            _stop(session)


@contextmanager
def _configured(session: "SparkSession", options: Mapping[str, str]) -> Iterator[None]:
    """Set those options in the block that can be changed in a running session."""
    before = {name: session.conf.get(name, None) for name in options if session.conf.isModifiable(name)}
    for name in before:
        session.conf.set(name, options[name])
    try:
        yield
    finally:
        # If the JVM has ended, this raises another error of it, which is named as the first one is.
        for name, value in before.items():
            session.conf.unset(name) if value is None else session.conf.set(name, value)


def _stop(session: "SparkSession") -> None:
    """Stop a session, also one whose JVM has ended."""
    try:
        session.stop()
    except Exception:
        if driver_exit_status() is None:
            raise


def is_submitted() -> bool:
    """Return whether `spark-submit` started this program; it has then started the JVM and configured the master.

    `SparkConf` does not contain this: before the session is built it does not read the JVM's configuration.
    """
    return "PYSPARK_GATEWAY_PORT" in os.environ


def _build(settings: Settings, name: str, extra: Mapping[str, str]) -> "SparkSession":
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName(f"leapline-{name}")
    if not is_submitted():
        builder = builder.master(settings.spark_master).config("spark.driver.memory", settings.spark_driver_memory)
        builder = builder.config(OPTIONS, f"{driver_options(settings)} {quiet_options()}".strip())
        if is_local(settings.spark_master):
            builder = builder.config("spark.driver.host", "127.0.0.1")
            # Pseudonyms can hardly be compressed: without a network between the tasks it takes longer than it saves.
            builder = builder.config("spark.shuffle.compress", "false").config("spark.rdd.compress", "false")
    for key, value in _options(settings, extra).items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def _options(settings: Settings, extra: Mapping[str, str]) -> dict[str, str]:
    options = _session_settings(settings) | s3a_options(settings) | table_options(settings)
    # Under `spark-submit` the driver has its jars already.
    return with_jars(options, extra if is_submitted() else with_jars(jars_option(settings), extra))


def _session_settings(settings: Settings) -> dict[str, str]:
    return {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": str(settings.spark_shuffle_partitions),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.ansi.enabled": "true",
        # The driver lists up to this many files itself: for a few hundred files that is faster than a Spark job.
        "spark.sql.sources.parallelPartitionDiscovery.threshold": "10000",
        # Rows reach Python in columns; one by one, they would take ten times as long. They are read as they arrive, so
        # that the driver's heap does not limit their number.
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        # Batches that stay in the processors' caches, and in the memory that Python has already.
        "spark.sql.execution.arrow.maxBytesPerBatch": "2m",
        "spark.driver.maxResultSize": "0",
        # Days consist of many small files; more partitions balance the work.
        "spark.sql.files.minPartitionNum": str(settings.spark_shuffle_partitions),
        # Hadoop sets the permissions of new files itself, whatever the umask of the process.
        "spark.hadoop.fs.permissions.umask-mode": settings.umask,
        # Only hexadecimal digits are case-mapped; loading ICU's tables would take seconds.
        "spark.sql.icu.caseMappings.enabled": "false",
        # The lake commits whole folders, so `_SUCCESS` markers are not needed.
        "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
    }
