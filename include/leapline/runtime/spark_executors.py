"""Whether a Spark cluster has executors for an application, before its first job waits for them silently."""

import sys
import threading
import time
from typing import TYPE_CHECKING, Final

from leapline.errors import ClusterError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PATIENCE_S: Final = 15 * 60.0
"""How long a step waits for its first executor."""
_REPORTED_EVERY_S: Final = 60.0


def require_executor(spark: "SparkSession", patience_s: float = PATIENCE_S) -> None:
    """Wait until an executor of a cluster has run a task; write a line to standard error for each minute of waiting.

    Args:
        spark: a session, on a cluster or not.
        patience_s: maximum seconds to wait.

    Raises:
        ClusterError: no executor has started by then.
        py4j.protocol.Py4JJavaError: the cluster has ended the application.
    """
    context = spark.sparkContext
    if (context.master or "local").startswith("local"):
        return
    failures: list[Exception] = []

    def run_task() -> None:
        try:
            context._jsc.parallelize(context._jvm.java.util.ArrayList([1]), 1).count()  # type: ignore[union-attr]
        except Exception as exc:  # Passed on to the caller's thread.
            failures.append(exc)

    task = threading.Thread(target=run_task, name="first-task", daemon=True)
    task.start()
    started = time.monotonic()
    while task.is_alive():
        left = started + patience_s - time.monotonic()
        task.join(max(0.0, min(_REPORTED_EVERY_S, left)))
        waited = time.monotonic() - started
        if not task.is_alive():
            break
        if waited >= patience_s:
            context.cancelAllJobs()
            raise _no_executor(spark, waited)
        print(f"No executor of {context.master} after {waited / 60:.0f} min; waiting", file=sys.stderr, flush=True)
    if failures:
        raise failures[0]


def _no_executor(spark: "SparkSession", waited_s: float) -> ClusterError:
    conf = spark.sparkContext.getConf()
    memory, cores = conf.get("spark.executor.memory", "1g"), conf.get("spark.executor.cores", "1")
    return ClusterError(
        f"Spark cluster {spark.sparkContext.master}",
        found=f"no executor after {f'{waited_s / 60:.0f} min' if waited_s >= 60 else f'{waited_s:.0f} s'}",
        expected=f"a worker with free cores ({cores} or more) and {memory} of free memory",
        fix="Look at the cluster's web page: add workers, wait for other applications, or lower spark.executor.memory.",
    )
