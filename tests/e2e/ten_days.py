"""Compares a parallel backfill of ten days, during the nightly run, with the same days run one after another: archives
and images must be equal, and the champion must be the nightly run's.

    .venv/bin/python -m tests.e2e.ten_days --folder /tmp/ten --sessions 3000

Uses a generated shop, the local Airflow with its scheduler, and two registries. Takes as long as twenty-one runs; exits
with status 1 if anything differs.
"""

import argparse
import secrets
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from leapline.deployment.factory import registry
from leapline.local.airflow_api import AirflowApi
from leapline.local.airflow_env import ROOT, AirflowInstance
from leapline.local.airflow_run import run_dag
from leapline.local.registry_service import local_registry
from leapline.runtime.spark_cds import FEW_EVENTS
from leapline.settings import Settings
from leapline.storage import Lake, read_json
from leapline.synthetic import GeneratorSpec, generate
from tests.e2e.screenshot_grid import create_backfill, services, wait

TRAINING_DAYS, BACKFILLED = 2, 10


def main() -> None:
    """Run both and compare."""
    parser = argparse.ArgumentParser(prog="ten_days", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="folder for lakes, registries and Airflow")
    parser.add_argument("--sessions", type=int, default=3000, help="sessions per day")
    parser.add_argument("--port", type=int, default=8090, help="Airflow's port; the registries use the next two")
    args = parser.parse_args()
    night = datetime.now(UTC).date() - timedelta(days=1)
    days = [night - timedelta(days=n) for n in range(BACKFILLED, 0, -1)]
    key, landing = secrets.token_hex(32), args.folder / "landing"
    parallel, serial = (
        _settings(args.folder / name, landing, key, args.port + n) for n, name in ((1, "parallel"), (2, "serial"))
    )
    first = days[0] - timedelta(days=TRAINING_DAYS)
    generate(landing, GeneratorSpec(start=first, days=(night - first).days + 1, sessions_per_day=args.sessions))

    with services(parallel, AirflowInstance(args.folder / "airflow", args.port)) as api:
        _backfill_during_nightly_run(api, days)
        champion, nightly = registry(parallel).digest("champion"), _published(parallel, night)
    local_registry(serial).start()
    try:
        for day in days:
            outcome = run_dag(serial, AirflowInstance(args.folder / "once", args.port), day)
            print(f"serial {day} {outcome.state} {outcome.error}", flush=True)
    finally:
        local_registry(serial).stop()

    results = [(day, _published(parallel, day), _published(serial, day)) for day in days]
    for day, one, other in results:
        print(f"{day}  {one[0]:.12}  {one[1]:.19}  {'equal' if one == other else f'serial: {other}'}")
    unchanged = champion == nightly[1]
    print(f"champion is the nightly run's: {unchanged} ({champion})")
    sys.exit(not (unchanged and all(one == other for _, one, other in results)))


def _settings(home: Path, landing: Path, key: str, port: int) -> Settings:
    """Return settings with small forests and limits that every day meets, because only the outputs are compared."""
    return Settings.load(
        home=home, landing=landing, registry=f"127.0.0.1:{port}", tools=ROOT / ".local", pseudonym_key=key,
        training_days=TRAINING_DAYS, spark_driver_memory="2g", spark_driver_options=FEW_EVENTS, roc_auc_threshold=0.6,
        max_calibration_error=0.2, min_slice_roc_auc=0, champion_margin=0.3, min_baseline_gain=-1,
        best_champion_margin=0.3,
        champion_precision_margin=1, max_calibration_ratio=2, max_progress_loss=1, min_progress_roc_auc=0,
    )  # fmt: skip


def _backfill_during_nightly_run(api: AirflowApi, days: list[date]) -> None:
    """Create the backfill as soon as the nightly run has started; wait until all runs have ended."""
    while not api.get("dags/retrain/dagRuns?limit=100&state=running")["dag_runs"]:
        time.sleep(1)
    span = {"from_date": f"{days[0]}T00:00:00Z", "to_date": f"{days[-1]}T00:00:00Z"}
    create_backfill(api, {"dag_id": "retrain", "max_active_runs": 2, **span})
    wait(api, len(days) + 1)


def _published(settings: Settings, day: date) -> tuple[str, str]:
    """Return the digests of the day's archive and image."""
    package = read_json(Lake(settings.home).current("packages", day) / "package.json")
    published = read_json(Lake(settings.home).current("models", package["model_id"]) / "publication.json")
    return package["archive_sha256"], published["digest"]


if __name__ == "__main__":
    main()
