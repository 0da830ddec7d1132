"""Ten days backfilled two at a time while the night's run is under way, then the same days one after another: the same
archives and images, and the champion is the night's throughout.

    .venv/bin/python -m tests.e2e.ten_days --folder /tmp/ten --sessions 3000

Everything is real: a generated shop, the local Airflow with its scheduler, registries of their own. It takes as long as
twenty-one runs do, and is ended by an exit status of 1 if anything differs.
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
from tests.e2e.screenshot_grid import ask, services, wait

TRAINING_DAYS, BACKFILLED = 2, 10


def main() -> None:
    """Do both, and compare."""
    parser = argparse.ArgumentParser(prog="ten_days", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where lakes, registries and Airflow live")
    parser.add_argument("--sessions", type=int, default=3000, help="visitors' sessions a day")
    parser.add_argument("--port", type=int, default=8090, help="Airflow's port; the registries take the next two")
    args = parser.parse_args()
    night = datetime.now(UTC).date() - timedelta(days=1)
    days = [night - timedelta(days=n) for n in range(BACKFILLED, 0, -1)]
    key, landing = secrets.token_hex(32), args.folder / "landing"
    together, alone = (
        _settings(args.folder / name, landing, key, args.port + n) for n, name in ((1, "together"), (2, "alone"))
    )
    first = days[0] - timedelta(days=TRAINING_DAYS)
    generate(landing, GeneratorSpec(start=first, days=(night - first).days + 1, sessions_per_day=args.sessions))

    with services(together, AirflowInstance(args.folder / "airflow", args.port)) as api:
        _beside_the_night(api, days)
        champion, nightly = registry(together).digest("champion"), _published(together, night)
    local_registry(alone).start()
    try:
        for day in days:
            outcome = run_dag(alone, AirflowInstance(args.folder / "once", args.port), day)
            print(f"alone {day} {outcome.state} {outcome.error}", flush=True)
    finally:
        local_registry(alone).stop()

    results = [(day, _published(together, day), _published(alone, day)) for day in days]
    for day, one, other in results:
        print(f"{day}  {one[0]:.12}  {one[1]:.19}  {'the same' if one == other else f'alone: {other}'}")
    stayed = champion == nightly[1]
    print(f"champion is the night's: {stayed} ({champion})")
    sys.exit(not (stayed and all(one == other for _, one, other in results)))


def _settings(home: Path, landing: Path, key: str, port: int) -> Settings:
    """Small forests of small days, and limits that every day meets: what is compared is what comes out."""
    return Settings.load(
        home=home, landing=landing, registry=f"127.0.0.1:{port}", tools=ROOT / ".local", pseudonym_key=key,
        training_days=TRAINING_DAYS, spark_driver_memory="2g", spark_driver_options=FEW_EVENTS, roc_auc_threshold=0.6,
        max_calibration_error=0.2, min_slice_roc_auc=0, champion_margin=0.3, min_baseline_gain=-1,
    )  # fmt: skip


def _beside_the_night(api: AirflowApi, days: list[date]) -> None:
    """Ask for the backfill as soon as the scheduler has started the night's run; until all have ended."""
    while not api.get("dags/retrain/dagRuns?limit=100&state=running")["dag_runs"]:
        time.sleep(1)
    span = {"from_date": f"{days[0]}T00:00:00Z", "to_date": f"{days[-1]}T00:00:00Z"}
    ask(api, {"dag_id": "retrain", "max_active_runs": 2, **span})
    wait(api, len(days) + 1)


def _published(settings: Settings, day: date) -> tuple[str, str]:
    """Digests of the day's archive and of its image."""
    packed = read_json(Lake(settings.home).current("packages", day) / "package.json")
    published = read_json(Lake(settings.home).current("models", packed["model_id"]) / "publication.json")
    return packed["archive_sha256"], published["digest"]


if __name__ == "__main__":
    main()
