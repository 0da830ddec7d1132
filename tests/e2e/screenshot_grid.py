"""Takes docs/grid.png: Airflow's grid after a nightly run, a refused manual run and a backfill of three days.

    .venv/bin/python -m tests.e2e.screenshot_grid --folder /tmp/grid --sessions 3000

Generates a shop's events up to yesterday, starts the local Airflow and registry, waits for the runs, takes the
screenshot and stops everything. Needs Chromium (`apt-get install chromium`).
"""

import argparse
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from leapline.errors import LocalServiceError
from leapline.local.airflow import down, up
from leapline.local.airflow_api import AirflowApi
from leapline.local.airflow_env import ROOT, AirflowInstance
from leapline.local.registry_service import local_registry
from leapline.settings import Settings
from leapline.synthetic import GeneratorSpec, generate

CHROMIUM = "/usr/bin/chromium"
QUIET = [
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
TRAINING_DAYS, BACKFILLED = 2, 3


def main() -> None:
    """Generate, run, take the screenshot."""
    parser = argparse.ArgumentParser(prog="screenshot_grid", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="folder for lake, registry and Airflow")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "grid.png", help="the screenshot")
    parser.add_argument("--sessions", type=int, default=3000, help="sessions per day")
    parser.add_argument("--port", type=int, default=8085, help="Airflow's port; the registry uses the next one")
    args = parser.parse_args()
    instance = AirflowInstance(args.folder / "airflow", args.port)
    settings = Settings.load(
        home=args.folder / "lake",
        registry=f"127.0.0.1:{args.port + 1}",
        pseudonym_key=secrets.token_hex(32),
        training_days=TRAINING_DAYS,
    )
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    first = yesterday - timedelta(days=BACKFILLED + TRAINING_DAYS)
    spec = GeneratorSpec(start=first, days=(yesterday - first).days + 1, sessions_per_day=args.sessions)
    if not settings.landing_dir.exists():
        generate(settings.landing_dir, spec)
    with services(settings, instance) as api:
        run_dags(api, yesterday)
        take_screenshot(instance, args.out)


@contextmanager
def services(settings: Settings, instance: AirflowInstance) -> Iterator[AirflowApi]:
    """Run registry and Airflow for the duration of the block."""
    local_registry(settings).start()
    try:
        yield up(settings, instance)
    finally:
        down(instance)
        local_registry(settings).stop()


def run_dags(api: AirflowApi, yesterday: date) -> None:
    """Wait for the scheduled run, then trigger a manual run that the gate refuses, and a backfill."""
    wait(api, 1)
    api.trigger("retrain", {"date": yesterday.isoformat(), "roc_auc_threshold": 0.999})
    wait(api, 2)
    span = {"from_date": yesterday - timedelta(days=BACKFILLED), "to_date": yesterday - timedelta(days=1)}
    days = {name: f"{day}T00:00:00Z" for name, day in span.items()}
    create_backfill(api, {"dag_id": "retrain", "max_active_runs": 2, **days})
    wait(api, 2 + BACKFILLED)


def create_backfill(api: AirflowApi, backfill: dict[str, Any], tries: int = 20) -> None:
    """Create the backfill; on SQLite Airflow answers 503 while the database is locked, so try again."""
    for left in reversed(range(tries)):
        try:
            api.call("POST", "backfills", backfill)
        except LocalServiceError as exc:
            if "found 503" not in str(exc) or not left:
                raise
            time.sleep(3)
        else:
            return


def wait(api: AirflowApi, runs: int) -> None:
    """Wait until `runs` runs have ended, and print how each ended."""
    ended: dict[str, dict[str, Any]] = {}
    while len(ended) < runs:
        time.sleep(2)
        # A busy machine may answer too late.
        with suppress(LocalServiceError):
            listed = api.get("dags/retrain/dagRuns?limit=100")["dag_runs"]
            ended = {run["dag_run_id"]: run for run in listed if run["state"] in {"success", "failed"}}
    for run_id, run in ended.items():
        print(run_id, run["state"], f"{run['duration']:.0f} s", run["note"] or "", flush=True)


def take_screenshot(instance: AirflowInstance, out: Path) -> None:
    """Log in, open the grid, widen it and take the screenshot."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.set_default_timeout(120_000)
        page.goto(f"{instance.url}/auth/login")
        page.fill("input[name=username]", "admin")
        page.fill("input[name=password]", instance.password())
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "/auth/" not in url)
        page.goto(f"{instance.url}/dags/retrain")
        page.get_by_text("promote", exact=True).first.wait_for()
        widen_grid(page)
        page.wait_for_timeout(3000)
        out.parent.mkdir(exist_ok=True)
        page.screenshot(path=str(out))
        browser.close()
    print(out)


def widen_grid(page: Any) -> None:
    """Drag the bar between grid and details, so that all runs are visible."""
    bar = page.locator("[data-panel-resize-handle-id], [role=separator]").first.bounding_box()
    page.mouse.move(bar["x"] + bar["width"] / 2, 600)
    page.mouse.down()
    page.mouse.move(520, 600, steps=5)
    page.mouse.up()
    page.mouse.move(300, 690)  # away from tooltips


if __name__ == "__main__":
    main()
