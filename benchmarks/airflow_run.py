"""Measure one run of the retrain DAG in a real Airflow.

    python -m benchmarks.airflow_run [--days 4] [--sessions-per-day 4000] [--out FILE]

Scheduler, DAG processor and web server run, and each Spark step has its own driver; events and settings are the demo's.
The first run also pays for what is imported and compiled the first time, so the next day is run after it, with the
first one as its champion.
"""

import argparse
import json
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from benchmarks.scale import Usage
from benchmarks.scoring import ROOT, machine, report_progress
from leapline.errors import LocalServiceError
from leapline.local import airflow
from leapline.local.airflow_api import AirflowApi
from leapline.local.airflow_env import AirflowInstance
from leapline.local.demo import LIMITS
from leapline.local.ports import free_port
from leapline.local.registry_service import local_registry
from leapline.runtime.spark_cds import FEW_EVENTS
from leapline.settings import PREFIX, Settings
from leapline.synthetic import GeneratorSpec, generate

LAST: Final = date(2026, 3, 6)
_MAX_SECONDS: Final = 1200


def main() -> None:
    """Measure two days and report them."""
    parser = argparse.ArgumentParser(prog="benchmarks.airflow_run", description=__doc__)
    parser.add_argument("--days", type=int, default=4, help="days of events; the last two are run")
    parser.add_argument("--sessions-per-day", type=int, default=4000)
    parser.add_argument("--out", type=Path, default=ROOT / ".leapline" / "bench" / "airflow_run.json")
    args = parser.parse_args()
    if args.days < 2:
        parser.error("--days: two days are run, so at least two are needed")
    with tempfile.TemporaryDirectory(prefix="leapline-airflow-run-") as folder:
        first = LAST - timedelta(days=args.days - 1)
        report_progress(f"generating {args.days} days")
        spec = GeneratorSpec(start=first, days=args.days, sessions_per_day=args.sessions_per_day)
        lines = generate(Path(folder) / "landing", spec, lambda *_: None, workers=2).lines
        with running(Path(folder)) as api:
            runs = [run(api, day) for day in (LAST - timedelta(days=1), LAST)]
    result = {"machine": machine(), "lines": lines, "days": args.days, "runs": runs}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


@contextmanager
def running(folder: Path) -> Iterator[AirflowApi]:
    """Start a registry and Airflow for a new lake; stop them at the end."""
    values = {
        "home": folder / "lake", "landing": folder / "landing", "tools": ROOT / ".local",
        "registry": f"127.0.0.1:{free_port()}", "pseudonym_key": secrets.token_hex(32),
        "spark_driver_options": FEW_EVENTS, **LIMITS,
    }  # fmt: skip
    os.environ |= {PREFIX + name.upper(): str(value) for name, value in values.items()}
    # A run of the schedule would take its share of the processors.
    os.environ["AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE"] = "False"
    settings = Settings.load()
    registry, instance = local_registry(settings), AirflowInstance(folder / "airflow", free_port())
    registry.start()
    try:
        report_progress("starting Airflow")
        yield airflow.up(settings, instance, lambda _: None)
    finally:
        airflow.down(instance, lambda _: None)
        registry.stop()


def run(api: AirflowApi, day: date) -> dict[str, Any]:
    """Run a day and return its seconds: in all, of each task, and added up over the tasks (`in_tasks`).

    Raises:
        LocalServiceError: the run failed.
    """
    report_progress(f"the run of {day}")
    began = time.monotonic()
    with Usage(os.getpid()) as usage:
        run_id = api.trigger("retrain", {"date": day.isoformat()})
        state = api.wait_for_run("retrain", run_id, _MAX_SECONDS)
    seconds = time.monotonic() - began
    tasks = api.get(f"dags/retrain/dagRuns/{run_id}/taskInstances?limit=100")["task_instances"]
    if state != "success":
        states = ", ".join(f"{task['task_id']}: {task['state']}" for task in tasks)
        raise LocalServiceError(f"the run of {day}", found=states, expected="success", fix="Read the tasks' logs.")
    timed = sorted((task for task in tasks if task["start_date"] and task["end_date"]), key=lambda t: t["start_date"])
    return {
        "day": day.isoformat(),
        "seconds": round(seconds, 1),
        "core_seconds": round(usage.core_seconds, 1),
        "tasks": [{"task": t["task_id"], "state": t["state"], "seconds": _seconds(t)} for t in timed],
        "in_tasks": round(sum(map(_seconds, timed)), 1),
    }


def _seconds(task: dict[str, Any]) -> float:
    began, ended = (datetime.fromisoformat(task[name]) for name in ("start_date", "end_date"))
    return round((ended - began).total_seconds(), 1)


if __name__ == "__main__":
    main()
