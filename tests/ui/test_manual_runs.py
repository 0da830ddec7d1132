"""Manual runs in a running Airflow: from the forms of its web UI in a real browser, its API and its command line."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from leapline.local.airflow_env import environment
from leapline.settings import Settings
from tests.airflow_runs import resolved
from tests.fakes.stub_steps import script_steps
from tests.ui.site import Site

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@contextmanager
def new_page(browser: Any, login: Any) -> Iterator[Any]:
    """Open a page, and close it again: an open page of Airflow reads its state every few seconds, and draws it."""
    context = browser.new_context(storage_state=login)
    try:
        page = context.new_page()
        page.set_default_timeout(30_000)
        yield page
    finally:
        context.close()


@contextmanager
def opened_form(up: Site, browser: Any, login: Any, dag_id: str) -> Iterator[Any]:
    """Open the DAG's page and its trigger form; at the end submit it. It closes when Airflow has accepted the run."""
    with new_page(browser, login) as page:
        page.goto(f"{up.instance.url}/dags/{dag_id}")
        page.get_by_role("button", name="Trigger").first.click()
        form = page.get_by_role("dialog")
        form.locator("input[name=element_date]").wait_for()
        yield form
        form.get_by_test_id("trigger-dag-submit").click()
        form.wait_for(state="hidden")


def newest(up: Site, dag_id: str) -> dict[str, Any]:
    """Return the newest run, after it has succeeded."""
    run: dict[str, Any] = up.api.get(f"dags/{dag_id}/dagRuns?order_by=-run_after&limit=1")["dag_runs"][0]
    assert up.api.wait_for_run(dag_id, run["dag_run_id"], 200) == "success"
    return run


def test_form_values_reach_the_steps_and_the_run_its_page(up: Site, browser: Any, login: Any) -> None:
    script_steps(up.stubs, gate={"passed": False, "sentence": "Refused: ROC AUC 0.85 is below 0.93."})
    with opened_form(up, browser, login, "retrain") as form:
        assert Settings.model_fields["roc_auc_threshold"].description in form.inner_text()
        form.locator("input[name=element_date]").fill("2026-03-29")
        form.get_by_role("spinbutton").nth(1).fill("0.93")
        form.get_by_role("spinbutton").nth(1).press("Tab")
        form.locator("input[name=element_promote]").press("Space")
    run = newest(up, "retrain")
    conf = {name: run["conf"][name] for name in ("date", "roc_auc_threshold", "promote")}
    assert conf == {"date": "2026-03-29", "roc_auc_threshold": 0.93, "promote": False}
    links = up.api.get(f"dags/retrain/dagRuns/{run['dag_run_id']}/taskInstances/gate/links")["extra_links"]
    report = f"{up.instance.url}/plugin/models/leapline/?run={quote(run['dag_run_id'], safe='')}"
    card = f"{up.instance.url}/plugin/models/leapline/days/2026-03-29/card"
    assert (links["Report"], links["Model card"]) == (report, card)
    # The page without a run shows the last nightly run, so the run is opened by its link.
    with new_page(browser, login) as page:
        page.goto(report)
        frame = page.frame_locator("iframe")
        frame.get_by_text("ROC AUC 0.85 is below 0.93.").first.wait_for()
        assert frame.locator(".badge").first.inner_text() == "✕ Refused"


def test_delayed_labels_trigger_another_run_for_changed_days(up: Site, browser: Any, login: Any) -> None:
    rows = [
        {"data_day": "2026-03-26", "changed": True, "sentence": "2026-03-26: 4 labels changed."},
        {"data_day": "2026-03-27", "changed": False, "sentence": "2026-03-27: no change."},
    ]
    script_steps(up.stubs, late={"days": rows})
    before = up.api.get("dags/retrain/dagRuns?limit=1")["total_entries"]
    with opened_form(up, browser, login, "late") as form:
        form.locator("input[name=element_reopen]").press("Space")
    newest(up, "late")
    assert up.api.get("dags/retrain/dagRuns?limit=1")["total_entries"] - before == 1
    run = up.api.get("dags/retrain/dagRuns?order_by=-run_after&limit=1")["dag_runs"][0]
    assert run["conf"] == {"date": "2026-03-26", "promote": False}
    assert day_of(up, run["dag_run_id"]) == "2026-03-26"


def day_of(up: Site, run_id: str) -> str:
    """Return the data day that the run's first task decided on; the run ends then."""
    return str(resolved(up.api, run_id)["day"])


def yesterday() -> str:
    return (datetime.now(UTC) - timedelta(days=1)).date().isoformat()


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


def test_run_from_the_command_line_works_on_the_day_of_its_logical_date(up: Site) -> None:
    command = [sys.executable, "-m", "airflow", "dags", "trigger", "retrain", "--run-id", "manual__from-cli"]
    subprocess.run(
        [*command, "--logical-date", "2026-03-17T10:30:00+00:00"],
        env=environment(up.settings, up.instance),
        check=True,
        capture_output=True,
    )
    assert day_of(up, "manual__from-cli") == "2026-03-17"


def test_unchanged_form_works_on_the_last_complete_day(up: Site, browser: Any, login: Any) -> None:
    """The form's logical date is the present, whose day has not ended."""
    before = up.api.get("dags/retrain/dagRuns?limit=1")["total_entries"]
    with opened_form(up, browser, login, "retrain"):
        pass
    runs = up.api.get("dags/retrain/dagRuns?order_by=-run_after&limit=1")
    assert runs["total_entries"] == before + 1
    assert day_of(up, runs["dag_runs"][0]["dag_run_id"]) == yesterday()
