"""Takes docs/grid.png: the grid after a night, a refused run by hand and a backfill of three days, all real.

    .venv/bin/python -m tests.e2e.screenshot_grid --folder /tmp/grid --sessions 3000

Generates a shop's events up to yesterday, starts the local Airflow and registry, lets the scheduler work, looks, stops.
Needs Chromium (`apt-get install chromium`).
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
    """Do all of it."""
    parser = argparse.ArgumentParser(prog="screenshot_grid", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where lake, registry and Airflow live meanwhile")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "grid.png", help="the picture")
    parser.add_argument("--sessions", type=int, default=3000, help="visitors' sessions a day")
    parser.add_argument("--port", type=int, default=8085, help="Airflow's port; the registry takes the next")
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
    if not settings.landing_dir.exists():  # what was begun goes on
        generate(settings.landing_dir, spec)
    with services(settings, instance) as api:
        work(api, yesterday)
        take(instance, args.out)


@contextmanager
def services(settings: Settings, instance: AirflowInstance) -> Iterator[AirflowApi]:
    """Registry and Airflow, as long as the block lasts."""
    local_registry(settings).start()
    try:
        yield up(settings, instance)
    finally:
        down(instance)
        local_registry(settings).stop()


def work(api: AirflowApi, yesterday: date) -> None:
    """The night that the scheduler starts by itself, a run by hand that the gate refuses, and the backfill."""
    wait(api, 1)
    api.trigger("retrain", {"date": yesterday.isoformat(), "roc_auc_threshold": 0.999})
    wait(api, 2)
    span = {"from_date": yesterday - timedelta(days=BACKFILLED), "to_date": yesterday - timedelta(days=1)}
    days = {name: f"{day}T00:00:00Z" for name, day in span.items()}
    ask(api, {"dag_id": "retrain", "max_active_runs": 2, **days})
    wait(api, 2 + BACKFILLED)


def ask(api: AirflowApi, backfill: dict[str, Any], tries: int = 20) -> None:
    """Create the backfill; on SQLite Airflow answers 503 while anything else writes, and means "again"."""
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
    """Until so many runs have ended; says how each did."""
    ended: dict[str, dict[str, Any]] = {}
    while len(ended) < runs:
        time.sleep(2)
        # A busy machine may answer late.
        with suppress(LocalServiceError):
            found = api.get("dags/retrain/dagRuns?limit=100")["dag_runs"]
            ended = {run["dag_run_id"]: run for run in found if run["state"] in {"success", "failed"}}
    for run_id, run in ended.items():
        print(run_id, run["state"], f"{run['duration']:.0f} s", run["note"] or "", flush=True)


def take(instance: AirflowInstance, out: Path) -> None:
    """Log in as a person does, open the grid, make room for it, take the picture."""
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
    """Drag the bar between grid and details, so that all runs are seen."""
    bar = page.locator("[data-panel-resize-handle-id], [role=separator]").first.bounding_box()
    page.mouse.move(bar["x"] + bar["width"] / 2, 600)
    page.mouse.down()
    page.mouse.move(520, 600, steps=5)
    page.mouse.up()
    page.mouse.move(300, 690)  # where nothing explains itself


if __name__ == "__main__":
    main()
