"""Counters of the rows that pass a place of a query.

Spark fills them while the query runs (`DataFrame.observe`), which costs almost nothing. But a task that Spark repeats,
because its executor was lost or because another attempt was faster, is counted twice. Where that may have happened, the
counters are computed again by a query of their own, whose result does not depend on repeated tasks.
"""

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from py4j.protocol import Py4JJavaError
from pyspark.sql import Column, DataFrame, Observation, SparkSession

GROUP: Final = "spark.jobGroup.id"
"""The property of a thread whose value Spark keeps with the jobs that the thread starts."""

_PATIENCE_MS: Final = 60_000


@dataclass(frozen=True)
class Counters:
    """Counters at one place.

    Args:
        frame: the rows that are counted.
        columns: aggregations with aliases.
    """

    frame: DataFrame
    columns: Sequence[Column]
    _observation: Observation = field(default_factory=Observation)

    def observed(self) -> DataFrame:
        """Return the frame; an action on it fills the counters."""
        return self.frame.observe(self._observation, *self.columns)

    def values(self, *, by_query: bool) -> dict[str, Any]:
        """Return the counters by alias.

        Args:
            by_query: whether to compute them again instead of reading what an action has filled.
        """
        if not by_query:
            return self._observation.get
        row = self.frame.agg(*self.columns).head()
        return row.asDict() if row else {}


@contextmanager
def watched_tasks(spark: SparkSession) -> Iterator[Callable[[], bool]]:
    """Provide a function that returns whether a task of the block's jobs in this thread has failed or was repeated."""
    context = spark.sparkContext
    group, before = f"counted-{uuid.uuid4().hex[:12]}", context.getLocalProperty(GROUP)

    def any_repeated() -> bool:
        # What has happened is reported to the status tracker with a delay.
        try:
            context._jsc.sc().listenerBus().waitUntilEmpty(_PATIENCE_MS)
        except Py4JJavaError:  # The driver is too busy to say; a query is right in any case.
            return True
        tracker = context.statusTracker()
        jobs = filter(None, map(tracker.getJobInfo, tracker.getJobIdsForGroup(group)))
        stages = filter(None, (tracker.getStageInfo(stage) for job in jobs for stage in job.stageIds))
        return any(
            stage.currentAttemptId or stage.numFailedTasks or stage.numCompletedTasks > stage.numTasks
            for stage in stages
        )

    context.setLocalProperty(GROUP, group)
    try:
        yield any_repeated
    finally:
        context.setLocalProperty(GROUP, before)  # type: ignore[arg-type]
