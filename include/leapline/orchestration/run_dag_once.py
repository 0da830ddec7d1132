"""Runs the `retrain` DAG once in this process, task after task, without a scheduler; used by the demo and the tests.

    python -m leapline.orchestration.run_dag_once --conf '{"date": "2026-03-01"}' --progress FD [--one-driver]

With `--one-driver` the Spark steps share a driver, which starts once; without it, each has a driver of its own, as in
Airflow. Writes one JSON line to the file descriptor per event, `{"task", "state", "seconds"}`, and a last one with
`{"run_id", "state", "tasks": {task: state}, "error"}`.
"""

import argparse
import json
import os
import time
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import IO, Any

from airflow.dag_processing.dagbag import DagBag
from airflow.listeners import hookimpl
from airflow.sdk.listener import get_listener_manager

from leapline.runtime.spark import shared_driver

DAG_ID = "retrain"


class Progress:
    """An Airflow listener that writes every task's state and keeps the last error.

    Args:
        out: receives one JSON line per event.
    """

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._started = time.monotonic()
        self.error = ""

    def write(self, **event: Any) -> None:
        """Write one event and flush."""
        print(json.dumps(event), file=self._out, flush=True)

    @hookimpl
    def on_task_instance_running(self, task_instance: Any) -> None:
        """Write that a task has started."""
        self._started = time.monotonic()
        self.write(task=task_instance.task_id, state="running", seconds=0.0)

    @hookimpl
    def on_task_instance_success(self, task_instance: Any) -> None:
        """Write that a task has succeeded."""
        self._end(task_instance.task_id, "success")

    @hookimpl
    def on_task_instance_failed(self, task_instance: Any, error: Any) -> None:
        """Write that a task has failed; keep its error."""
        self.error = f"{task_instance.task_id}: {error}"
        self._end(task_instance.task_id, "failed")

    @hookimpl
    def on_task_instance_skipped(self, task_instance: Any) -> None:
        """Write that a task has skipped itself."""
        self._end(task_instance.task_id, "skipped")

    def _end(self, task: str, state: str) -> None:
        self.write(task=task, state=state, seconds=round(time.monotonic() - self._started, 3))


def main() -> None:
    """Run the DAG with the configuration from the command line."""
    parser = argparse.ArgumentParser(prog="leapline.orchestration.run_dag_once")
    parser.add_argument("--conf", type=json.loads, default={}, help="the run's params, JSON")
    parser.add_argument("--progress", type=int, default=1, metavar="FD", help="file descriptor for the events")
    parser.add_argument("--one-driver", action="store_true", help="run all Spark steps in one driver")
    args = parser.parse_args()
    with os.fdopen(args.progress, "w") as out, shared_driver() if args.one_driver else nullcontext():
        run_dag(args.conf, Progress(out))


def run_dag(conf: dict[str, Any], progress: Progress) -> None:
    """Run the DAG and write its final state."""
    bag = DagBag()
    if bag.import_errors:
        progress.write(run_id="", state="failed", tasks={}, error=next(iter(bag.import_errors.values())))
        return
    dag = bag.dags[DAG_ID]
    for task in dag.tasks:
        # The caller waits for the result and decides whether to run again.
        task.retries = 0
    get_listener_manager().add_listener(progress)
    run = dag.test(run_conf=conf, logical_date=datetime.now(UTC))
    tasks = {ti.task_id: str(ti.state) for ti in run.get_task_instances()}
    progress.write(run_id=run.run_id, state=str(run.state), tasks=tasks, error=progress.error)


if __name__ == "__main__":
    main()
