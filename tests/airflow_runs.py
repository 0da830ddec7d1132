"""Runs in a running Airflow of which a test needs the first task only."""

import time
from typing import Any

from leapline.local.airflow_api import AirflowApi


def resolved(api: AirflowApi, run_id: str) -> dict[str, Any]:
    """Wait for the task `resolve` of a run of `retrain`, end the run, and return the task's result.

    The later tasks would each cost a process that imports Airflow; `tests/dags/test_run.py` runs all of them.
    """
    run = f"dags/retrain/dagRuns/{run_id}"
    deadline = time.monotonic() + 200
    while (state := api.get(f"{run}/taskInstances/resolve")["state"]) != "success":
        assert state not in {"failed", "upstream_failed"} and time.monotonic() < deadline, f"{run_id}: {state}"
        time.sleep(0.5)
    value: dict[str, Any] = api.get(f"{run}/taskInstances/resolve/xcomEntries/return_value")["value"]
    api.call("PATCH", run, {"state": "failed"})
    return value
