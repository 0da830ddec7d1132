"""The `retrain` DAG for real, once, without Airflow's services; its own database, so that no scheduler sees it."""

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
from leapline.local.airflow_env import ROOT, Place, environment
from leapline.settings import Settings

OnTask = Callable[[str, str, float], None]


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Args:
        run_id: Airflow's; the steps' reports are under it.
        state: "success" (a refused model is one) or "failed".
        tasks: each task's state.
        error: the failed task and its reason, or "".
        log: what Airflow and Spark said.
    """

    run_id: str
    state: str
    tasks: dict[str, str]
    error: str
    log: Path


def run_dag(
    settings: Settings, place: Place, day: date, conf: dict[str, Any] | None = None, on_task: OnTask | None = None
) -> Outcome:
    """Run the DAG for a data day, every task in order, none tried twice.

    Args:
        settings: passed on to the tasks.
        place: the local Airflow; the run's own database and logs are in its folder `once`.
        day: the data day.
        conf: further params of the run.
        on_task: told each task's name, its state (running, success, failed) and seconds, as it happens.

    Raises:
        LocalServiceError: Airflow itself ended before the run did.
    """
    own = Place(place.folder / "once", place.port)
    env = environment(settings, own)
    migrate(own, env, lambda _: None)
    log = own.folder / "logs" / "once.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    read, write = os.pipe()
    command = [sys.executable, "-m", "leapline.orchestration.run_dag_once", "--progress", str(write), "--conf"]
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


def _follow(read: int, log: Path, on_task: OnTask | None) -> Outcome:
    with os.fdopen(read) as lines:
        for event in map(json.loads, lines):
            if "run_id" in event:
                return Outcome(log=log, **event)
            if on_task:
                on_task(event["task"], event["state"], event["seconds"])
    raise LocalServiceError(
        "the run",
        found=f"no end; its log ends with: {log.read_text(errors='replace').strip()[-800:] or 'nothing'}",
        expected="a final state",
        fix=f"Look at {log}.",
    )
