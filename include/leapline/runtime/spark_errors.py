"""Spark's failures to read or write a bucket, as errors of the storage package, and those of a cluster or driver."""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from leapline.errors import ClusterError, DiskFullError, InputError, LeaplineError, StorageError
from leapline.settings import Settings
from leapline.storage.disk import disk_full
from leapline.storage.factory import store_at
from leapline.storage.s3_errors import s3_error

_ADDRESS: Final = re.compile(r"s3a://(?P<bucket>[a-z0-9][a-z0-9.-]*[a-z0-9])(?P<key>/[A-Za-z0-9!_.*()/=+@-]*)?")
_STACK: Final = re.compile(r"^\s+at .*$\n?", re.M)
_REQUEST_IDS: Final = re.compile(r"(?:Extended )?Request ID: [^,)]*")
_WITHOUT_CAUSE: Final = re.compile(r"Status Code: 40[03][^\n]*\):null")
"""The answer to a HEAD request has a status, but no body that contains the cause."""
_LOST: Final = re.compile(r"ExecutorLostFailure \(executor \d+ exited[^)]*\)(?: Reason: (?P<reason>[^\n]*))?")
_FULL: Final = re.compile("No space left on device|Disk quota exceeded")
_MODULE: Final = re.compile(r"ModuleNotFoundError: No module named '(?P<name>\w+)'")
_OTHER_PYTHON: Final = re.compile(r"PYTHON_VERSION_MISMATCH\]?[^\n]*")
_NO_PYTHON: Final = re.compile(r'Cannot run program "(?P<name>[^"]+)"')
_PROGRAM: Final = re.compile(r"leapline cleaner, stage (?P<stage>\w+): (?:cleaner: )?(?P<what>[^\n]+)")
_ENDED: Final = re.compile(r"SparkContext was shut ?down|Cannot call methods on a stopped SparkContext")


@contextmanager
def named_spark_errors(settings: Settings) -> Iterator[None]:
    """Turn errors of S3A, of a cluster and of the driver in the block into errors that name the cause.

    Raises:
        ClusterError: the cluster has ended the application, or has lost its executors too often, or their Python
            is not usable, or the driver's JVM has ended.
        InputError: clean events are not as extract writes them.
        DiskFullError: no space was left for tables, or for what Spark puts aside in its local folders.
        StorageUnusableError: another attempt would fail too.
        StorageError: the service does not answer, or cannot answer now.
    """
    try:
        yield
    except LeaplineError:
        raise
    except Exception as exc:
        error = _bucket_error(str(exc), settings) if settings.uses_buckets else None
        error = error or _disk_error(str(exc), settings) or _cluster_error(str(exc))
        error = error or _program_error(str(exc)) or _python_error(str(exc)) or _driver_error(exc)
        if error is None:
            raise
        raise error from exc


def _bucket_error(text: str, settings: Settings) -> LeaplineError | None:
    """Return the error for a message of Spark; None if it is about something else."""
    message = _REQUEST_IDS.sub("", _STACK.sub("", text))
    address = _ADDRESS.search(message)
    if address is None or ("awssdk" not in message and "fs.s3a" not in text):
        return None
    if _WITHOUT_CAUSE.search(message):
        error = _cause_from_service(address, settings)
        if error is not None:
            return error
    return s3_error(f"s3{address[0].removeprefix('s3a')}", address["bucket"], settings.s3_endpoint, message)


def _disk_error(text: str, settings: Settings) -> DiskFullError | None:
    """Return the error for a message of Spark about a full disk; None if it is about something else.

    Java's message has no path, so the fullest of the file systems that Spark writes to is named. On a cluster it may be
    one of another host.
    """
    if not _FULL.search(text):
        return None
    lost = re.search(r"TID \d+\) \((?P<host>\S+) executor (?P<id>\d+)\)", text)
    if lost:
        return DiskFullError(
            f"disk of Spark's executor {lost['id']} on {lost['host']}",
            found="ENOSPC in its local folders or where it writes tables",
            expected="room for what it sorts and writes",
            fix="Free space there, or give the executors larger disks; nothing was published.",
        )
    return disk_full("what Spark puts aside or writes", [settings.home, *_local_folders()])


def _local_folders() -> list[Path]:
    """Return the folders in which Spark puts aside what does not fit into memory."""
    from pyspark import SparkContext

    context = SparkContext._active_spark_context
    configured = context.getConf().get("spark.local.dir") if context else None
    text = os.environ.get("SPARK_LOCAL_DIRS") or configured or tempfile.gettempdir()
    return [Path(folder) for folder in text.split(",")]


def _cluster_error(text: str) -> ClusterError | None:
    """Return the error for a message of Spark about its executors; None if it is about something else."""
    if lost := _LOST.search(text):
        return ClusterError(
            "Spark's executors",
            found=f"a task whose executors exited each time ({(lost['reason'] or 'no reason reported').strip()})",
            expected="executors that live until the step ends",
            fix="Read their logs on the cluster. If they were killed for lack of memory, raise spark.executor.memory.",
        )
    if _ENDED.search(text):
        return ClusterError(
            "Spark application",
            found="ended by the cluster or by the JVM of the driver",
            expected="a cluster that runs the step to its end",
            fix="Read the master's and the executors' logs; often executors cannot connect to the driver.",
        )
    return None


def _program_error(text: str) -> LeaplineError | None:
    """Return the error for a failure of the program in Spark's tasks; None if the message is about something else."""
    failure = _PROGRAM.search(text)
    if failure is None:
        return None
    if failure["stage"] == "examples":
        return InputError(
            "clean events",
            found=failure["what"],
            expected="the events of each session together and in order, as extract writes them",
            fix="Run `leapline extract` for the day again.",
        )
    return ClusterError(
        "program that cleans events",
        found=f"an error in its stage {failure['stage']}: {failure['what']}",
        expected="a stage that ends without one",
        fix="If the system has killed it for lack of memory, raise LEAPLINE_SPARK_SHUFFLE_PARTITIONS: a task "
        "then has fewer rows in memory.",
    )


def _python_error(text: str) -> ClusterError | None:
    """Return the error for a message of Spark about the Python of its tasks; None if it is about something else."""
    if "Python worker" not in text and not _OTHER_PYTHON.search(text) and not _NO_PYTHON.search(text):
        return None
    if module := _MODULE.search(text):
        state = f"no module {module['name']}"
    elif other := _OTHER_PYTHON.search(text):
        state = other[0]
    elif program := _NO_PYTHON.search(text):
        state = f"no program {program['name']}"
    else:
        return None
    return ClusterError(
        "Python of Spark's tasks",
        found=state,
        expected="the minor version of the driver's Python, with PyArrow and NumPy",
        fix="Install it on every executor, and name it in PYSPARK_PYTHON (docs/clusters.md, What the cluster needs).",
    )


def _driver_error(exc: Exception) -> ClusterError | None:
    """Return the error for a JVM that has ended; None if it answers or was not started by this process."""
    from py4j.protocol import Py4JError, Py4JJavaError

    no_answer = isinstance(exc, Py4JError | OSError) and not isinstance(exc, Py4JJavaError)
    status = driver_exit_status() if no_answer else None
    if status is None:
        return None
    return ClusterError(
        "Spark driver",
        found=f"its JVM ended with status {status}" + (", as a killed process does" if status in {-9, 137} else ""),
        expected="a JVM that runs until the step ends",
        fix="Read its last messages above. If the system killed it for lack of memory, see the kernel's log, and lower "
        "LEAPLINE_SPARK_DRIVER_MEMORY or free memory.",
    )


def driver_exit_status(patience_s: float = 1.0) -> int | None:
    """Return the exit status of the JVM that this process has started.

    Args:
        patience_s: how long to wait for a JVM that is about to end.

    Returns:
        None if it runs, or if this process has started none, as under `spark-submit`.
    """
    from pyspark import SparkContext

    jvm = getattr(SparkContext._gateway, "proc", None)
    try:
        return None if jvm is None else int(jvm.wait(patience_s))
    except subprocess.TimeoutExpired:
        return None


def _cause_from_service(address: re.Match[str], settings: Settings) -> StorageError | None:
    """Return the error of reading the same object through the store, whose requests have answers with a cause."""
    try:
        store_at(f"s3://{address['bucket']}", settings).get_range((address["key"] or "/").lstrip("/") or "x", 0, 1)
    except FileNotFoundError:
        return None
    except StorageError as exc:
        return exc
    return None
