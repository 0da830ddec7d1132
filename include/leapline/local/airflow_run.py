"""Run the `retrain` DAG once without Airflow's services, on a separate database that no scheduler reads."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from leapline.errors import LocalServiceError
from leapline.local.airflow import migrate
from leapline.local.airflow_env import CONNECTION_VARIABLE, ROOT, AirflowInstance, environment, spark_connection
from leapline.settings import Settings

OnTask = Callable[[str, str, float], None]
"""Receives a task's name, its state (running, success, failed) and its seconds."""


@dataclass(frozen=True)
class RunOutcome:
    """The outcome of a run.

    Attributes:
        run_id: Airflow's run id; the steps' reports are filed under it.
        state: "success" (also when the model was refused) or "failed".
        tasks: the state of each task.
        error: the failed task and its error message; empty if no task failed.
        log: the combined log of Airflow and Spark.
    """

    run_id: str
    state: str
    tasks: dict[str, str]
    error: str
    log: Path


def run_dag(
    settings: Settings,
    instance: AirflowInstance,
    day: date,
    conf: dict[str, Any] | None = None,
    on_task: OnTask | None = None,
    one_driver: bool = False,
) -> RunOutcome:
    """Run the DAG for a data day: every task in order, without retries.

    Args:
        settings: passed on to the tasks.
        instance: the local Airflow; this run's database and logs are in its subfolder `once`.
        day: the data day.
        conf: further params of the run.
        on_task: called when a task starts or ends.
        one_driver: whether the Spark steps share a driver, which starts once, instead of one for each.

    Raises:
        LocalServiceError: Airflow exited before the run ended.
    """
    private = AirflowInstance(instance.folder / "once", instance.port)
    env = {CONNECTION_VARIABLE: json.dumps(spark_connection(settings))} | environment(settings, private)
    migrate(private, env, lambda _: None)
    log = private.folder / "logs" / "once.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    read, write = os.pipe()
    command = [sys.executable, "-m", "leapline.orchestration.run_dag_once", "--progress", str(write)]
    command += [*(["--one-driver"] if one_driver else []), "--conf"]
    with log.open("wb") as out:
        child = subprocess.Popen(
            [*command, json.dumps({"date": day.isoformat()} | (conf or {}))],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env, cwd=ROOT, pass_fds=[write],
        )  # fmt: skip
    os.close(write)
    try:
        return _follow(read, log, on_task)
    finally:
        child.terminate()
        child.wait()


def _follow(read: int, log: Path, on_task: OnTask | None) -> RunOutcome:
    with os.fdopen(read) as lines:
        for event in map(json.loads, lines):
            if "run_id" in event:
                return RunOutcome(log=log, **event)
            if on_task:
                on_task(event["task"], event["state"], event["seconds"])
    raise LocalServiceError(
        "the retrain DAG",
        found=f"the run stopped without a final state; log tail: "
        f"{log.read_text(errors='replace').strip()[-800:] or '(empty)'}",
        expected="a final state",
        fix=f"Read {log}.",
    )
