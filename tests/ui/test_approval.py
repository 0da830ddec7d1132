"""Approvers in a running Airflow: a user who is none, a second approver, and somebody who answers in their place."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from leapline.deployment.factory import ledger_of
from leapline.local.airflow_api import AirflowApi
from tests.ui.site import Site, logged_in

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
REASON = "a visitor complained"


@pytest.fixture
def approvers(up: Site) -> Iterator[None]:
    up.env_file.write_text("LEAPLINE_APPROVERS=admin,vera\nLEAPLINE_SECOND_APPROVER=true\n")
    yield
    up.env_file.write_text("")


def started(up: Site, api: AirflowApi) -> str:
    return api.trigger("rollback", {"model_id": up.models[1], "reason": REASON})


def ends_as(up: Site, run: str, state: str, dag: str = "rollback", task: str = "roll_back") -> bool:
    """Wait until the task that moves the champion is in a state; the stub of the task after it does not matter."""
    path = f"dags/{dag}/dagRuns/{run}/taskInstances/{task}"
    ends = {state, "success", "failed"}
    reached = up.api.wait_until(path, lambda task: task["state"] in ends, 120)["state"]
    if reached != state:
        print(*log_of(up, run, dag, task)[-40:], sep="\n")  # shown by pytest when the assertion fails
    return bool(reached == state)


def asks(up: Site, run: str) -> bool:
    """Wait until a run waits for its second approver, and the scheduler knows that the process that asked has ended.

    Airflow 3.3 loses an answer that comes between both: with the LocalExecutor, its scheduler takes the end of that
    process for the end of the continued task, which is queued by then, and fails it. A person is never that quick.
    """
    log, deadline = up.instance.folder / "logs/scheduler.log", time.monotonic() + 120
    ended = (
        f"with state success for task instance TaskInstanceKey(dag_id='rollback', task_id='roll_back', run_id='{run}"
    )
    waits = ends_as(up, run, "awaiting_input")
    while waits and ended not in log.read_text():
        assert time.monotonic() < deadline, f"{log} does not have: {ended}"
        time.sleep(0.2)
    return waits


def answer(api: AirflowApi, run: str, option: str) -> None:
    body = {"chosen_options": [option], "params_input": {}}
    api.call("PATCH", f"dags/rollback/dagRuns/{run}/taskInstances/roll_back/-1/hitlDetails", body)


@pytest.mark.usefixtures("approvers")
def test_rollback_waits_for_a_second_approver(up: Site) -> None:
    bob, vera = logged_in(up, "bob", "user"), logged_in(up, "vera", "user")
    before = ledger_of(up.settings).entries()
    assert bob.send("GET", "/leapline/api/page")["may_promote"] is False
    assert vera.send("GET", "/leapline/api/page")["may_promote"] is True
    asked_by_bob, answered_by_bob, confirmed = started(up, bob), started(up, up.api), started(up, up.api)
    assert ends_as(up, asked_by_bob, "failed")
    assert asks(up, answered_by_bob)
    answer(bob, answered_by_bob, "Approve")
    assert ends_as(up, answered_by_bob, "failed")
    assert ledger_of(up.settings).entries() == before
    assert asks(up, confirmed)
    answer(vera, confirmed, "Approve")
    assert ends_as(up, confirmed, "success")
    entry = ledger_of(up.settings).entries()[-1]
    assert (entry.who, entry.model_id, entry.why) == ("admin", up.models[1], f"{REASON} (confirmed by vera)")
    up.env_file.write_text("LEAPLINE_APPROVERS=admin,vera\n")
    back = up.api.trigger("promote", {"model_id": up.models[0]})
    assert ends_as(up, back, "success", "promote", "promote_model")
    assert [name for name in log_of(up, asked_by_bob) if "one of the approvers admin, vera" in name]


def log_of(up: Site, run: str, dag: str = "rollback", task: str = "roll_back") -> list[str]:
    """Return the lines of a task's log."""
    content = up.api.get(f"dags/{dag}/dagRuns/{run}/taskInstances/{task}/logs/1")["content"]
    return [str(line) for line in content]


def test_any_user_may_roll_back_without_approvers(up: Site) -> None:
    page: Any = logged_in(up, "bob", "user").send("GET", "/leapline/api/page")
    assert page["may_promote"] is True
