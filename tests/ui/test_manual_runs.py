"""Manual runs in a running Airflow: from the forms of its web UI in a real browser, its API and its command line."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from leapline.local.airflow_env import environment
from leapline.settings import Settings
from tests.fakes.stub_steps import script_steps
from tests.ui.site import Site

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


def opened(up: Site, browser: Any, login: Any, dag_id: str) -> tuple[Any, Any]:
    """Open the DAG's page and its trigger form."""
    page = browser.new_context(storage_state=login).new_page()
    page.set_default_timeout(30_000)
    page.goto(f"{up.instance.url}/dags/{dag_id}")
    page.get_by_role("button", name="Trigger").first.click()
    form = page.get_by_role("dialog")
    form.locator("input[name=element_date]").wait_for()
    return page, form


def newest(up: Site, dag_id: str) -> dict[str, Any]:
    """Return the newest run, after it has succeeded."""
    run: dict[str, Any] = up.api.get(f"dags/{dag_id}/dagRuns?order_by=-run_after&limit=1")["dag_runs"][0]
    assert up.api.wait_for_run(dag_id, run["dag_run_id"], 200) == "success"
    return run


def submit(page: Any, form: Any) -> None:
    """Submit the form; it closes when Airflow has accepted the run."""
    form.get_by_test_id("trigger-dag-submit").click()
    form.wait_for(state="hidden")


def test_form_values_reach_the_steps(up: Site, browser: Any, login: Any) -> None:
    script_steps(up.stubs, gate={"passed": False, "sentence": "Refused: ROC AUC 0.85 is below 0.93."})
    page, form = opened(up, browser, login, "retrain")
    assert Settings.model_fields["roc_auc_threshold"].description in form.inner_text()
    form.locator("input[name=element_date]").fill("2026-03-29")
    form.get_by_role("spinbutton").nth(1).fill("0.93")
    form.get_by_role("spinbutton").nth(1).press("Tab")
    form.locator("input[name=element_promote]").press("Space")
    submit(page, form)
    run = newest(up, "retrain")
    conf = {name: run["conf"][name] for name in ("date", "roc_auc_threshold", "promote")}
    assert conf == {"date": "2026-03-29", "roc_auc_threshold": 0.93, "promote": False}
    page.goto(f"{up.instance.url}/plugin/models/leapline/?run={quote(run['dag_run_id'], safe='')}")
    page.frame_locator("iframe").get_by_text("ROC AUC 0.85 is below 0.93.").first.wait_for()


def test_delayed_labels_trigger_another_run_for_changed_days(up: Site, browser: Any, login: Any) -> None:
    rows = [
        {"data_day": "2026-03-26", "changed": True, "sentence": "2026-03-26: 4 labels changed."},
        {"data_day": "2026-03-27", "changed": False, "sentence": "2026-03-27: no change."},
    ]
    script_steps(up.stubs, late={"days": rows})
    before = up.api.get("dags/retrain/dagRuns?limit=1")["total_entries"]
    page, form = opened(up, browser, login, "late")
    form.locator("input[name=element_reopen]").press("Space")
    submit(page, form)
    newest(up, "late")
    assert up.api.get("dags/retrain/dagRuns?limit=1")["total_entries"] - before == 1
    assert newest(up, "retrain")["conf"] == {"date": "2026-03-26", "promote": False}


@pytest.fixture
def short_runs(up: Site) -> Iterator[None]:
    """End every run after `extract`: the day is decided before."""
    script_steps(up.stubs, extract={"error": ["NoEventsError", "events", "none", "some", "Look at the collector."]})
    yield
    script_steps(up.stubs)


def day_of(up: Site, run_id: str) -> str:
    """Return the data day that the run's first task decided on, after the run has ended."""
    assert up.api.wait_for_run("retrain", run_id, 200) == "failed"
    entry = up.api.get(f"dags/retrain/dagRuns/{run_id}/taskInstances/resolve/xcomEntries/return_value")
    return str(entry["value"]["day"])


def yesterday() -> str:
    return (datetime.now(UTC) - timedelta(days=1)).date().isoformat()


@pytest.mark.usefixtures("short_runs")
def test_run_from_the_api_works_on_the_day_that_its_body_names(up: Site) -> None:
    bodies: list[tuple[dict[str, Any], str]] = [
        ({"logical_date": "2026-03-12T10:30:00Z"}, "2026-03-12"),
        ({"logical_date": "2026-03-12T23:30:00-05:00"}, "2026-03-13"),
        ({"logical_date": None}, yesterday()),
        ({"logical_date": None, "conf": {"date": "2026-03-14"}}, "2026-03-14"),
        (
            {
                "logical_date": "2026-03-20T00:00:00Z",
                "data_interval_start": "2026-03-15T00:00:00Z",
                "data_interval_end": "2026-03-16T00:00:00Z",
            },
            "2026-03-15",
        ),
    ]
    runs = [up.api.call("POST", "dags/retrain/dagRuns", body)["dag_run_id"] for body, _ in bodies]
    assert [day_of(up, run) for run in runs] == [day for _, day in bodies]


@pytest.mark.usefixtures("short_runs")
def test_run_from_the_command_line_works_on_the_day_of_its_logical_date(up: Site) -> None:
    command = [sys.executable, "-m", "airflow", "dags", "trigger", "retrain", "--run-id", "manual__from-cli"]
    subprocess.run(
        [*command, "--logical-date", "2026-03-17T10:30:00+00:00"],
        env=environment(up.settings, up.instance),
        check=True,
        capture_output=True,
    )
    assert day_of(up, "manual__from-cli") == "2026-03-17"


@pytest.mark.usefixtures("short_runs")
def test_unchanged_form_works_on_the_last_complete_day(up: Site, browser: Any, login: Any) -> None:
    """The form's logical date is the present, whose day has not ended."""
    page, form = opened(up, browser, login, "retrain")
    before = up.api.get("dags/retrain/dagRuns?limit=1")["total_entries"]
    submit(page, form)
    runs = up.api.get("dags/retrain/dagRuns?order_by=-run_after&limit=1")
    assert runs["total_entries"] == before + 1
    assert day_of(up, runs["dag_runs"][0]["dag_run_id"]) == yesterday()
