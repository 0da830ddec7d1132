"""One run of the `retrain` DAG in this process, task after task, no scheduler: the demo's way, and the tests'.

    python -m leapline.orchestration.run_dag_once --conf '{"date": "2026-03-01"}' --progress FD

Writes a JSON line to the file descriptor for each thing that happens, `{"task", "state", "seconds"}`, and at the end
`{"run_id", "state", "tasks": {task: state}, "error"}`.
"""

import argparse
import json
import os
import time
from datetime import UTC, datetime
from typing import IO, Any

from airflow.dag_processing.dagbag import DagBag
from airflow.listeners import hookimpl
from airflow.sdk.listener import get_listener_manager

DAG_ID = "retrain"


class Progress:
    """Airflow's listener of task states: says each one, and keeps the last error."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._began = time.monotonic()
        self.error = ""

    def say(self, **event: Any) -> None:
        """One line, at once."""
        print(json.dumps(event), file=self._out, flush=True)

    @hookimpl
    def on_task_instance_running(self, task_instance: Any) -> None:
        """A task begins."""
        self._began = time.monotonic()
        self.say(task=task_instance.task_id, state="running", seconds=0.0)

    @hookimpl
    def on_task_instance_success(self, task_instance: Any) -> None:
        """A task is done."""
        self._end(task_instance.task_id, "success")

    @hookimpl
    def on_task_instance_failed(self, task_instance: Any, error: Any) -> None:
        """A task failed."""
        self.error = f"{task_instance.task_id}: {error}"
        self._end(task_instance.task_id, "failed")

    def _end(self, task: str, state: str) -> None:
        self.say(task=task, state=state, seconds=round(time.monotonic() - self._began, 3))


def main() -> None:
    """Run the DAG with the configuration of the command line."""
    parser = argparse.ArgumentParser(prog="leapline.orchestration.run_dag_once")
    parser.add_argument("--conf", type=json.loads, default={}, help="the run's params, JSON")
    parser.add_argument("--progress", type=int, default=1, metavar="FD", help="where the progress lines go")
    args = parser.parse_args()
    with os.fdopen(args.progress, "w") as out:
        run(args.conf, Progress(out))


def run(conf: dict[str, Any], progress: Progress) -> None:
    """Run it, and say how it ended."""
    bag = DagBag()
    if bag.import_errors:
        progress.say(run_id="", state="failed", tasks={}, error=next(iter(bag.import_errors.values())))
        return
    dag = bag.dags[DAG_ID]
    for task in dag.tasks:
        # Whoever waits before the screen is told at once, and decides.
        task.retries = 0
    get_listener_manager().add_listener(progress)
    done = dag.test(run_conf=conf, logical_date=datetime.now(UTC))
    tasks = {ti.task_id: str(ti.state) for ti in done.get_task_instances()}
    progress.say(run_id=done.run_id, state=str(done.state), tasks=tasks, error=progress.error)


if __name__ == "__main__":
    main()
