"""The DAG `drill` in a running Airflow: scheduler, triggerer, API server and task process, and nothing is published."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from leapline.local import airflow
from leapline.local.airflow_api import AirflowApi
from leapline.local.airflow_env import AirflowInstance
from leapline.runtime.context import STEPS
from leapline.settings import Settings
from tests.command import environment
from tests.conftest import ROOT
from tests.ports import free_address, free_port

pytestmark = [pytest.mark.drill, pytest.mark.timeout(1800)]
LIMIT_S = 1500.0


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation whose registry nobody has started: the drill may not need it."""
    if not (ROOT / ".local/bin/registry").exists():
        pytest.skip("TOOLS MISSING: `make setup` installs the registry into .local")
    return Settings(
        home=tmp_path / "lake", tools=ROOT / ".local", registry=free_address(), pseudonym_key=SecretStr("k" * 32)
    )


@pytest.fixture
def api(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AirflowApi]:
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    # The scheduled run of last night would interfere.
    monkeypatch.setenv("AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE", "False")
    instance = AirflowInstance(tmp_path / "airflow", free_port())
    try:
        yield airflow.up(settings, instance, lambda _: None)
    finally:
        airflow.down(instance, lambda _: None)


def test_run_of_the_dag_stops_every_fault(api: AirflowApi, settings: Settings) -> None:
    run = api.trigger("drill", {})
    state = api.wait_for_run("drill", run, LIMIT_S)
    task = f"dags/drill/dagRuns/{run}/taskInstances/drill"
    log = json.dumps(api.get(f"{task}/logs/1"))
    assert state == "success", log[-3000:]
    rows = api.get(f"{task}/xcomEntries/return_value")["value"]
    assert {row["stage"] for row in rows} == set(STEPS)
    assert [row for row in rows if not row["ok"] or row["changed"]] == []
    for row in rows:
        assert f"{row['stage']}: {row['broken']}; noticed in {row['noticed_in']}" in log
    assert len(rows) > len(STEPS)
    lake = settings.home
    assert not [path for path in lake.rglob("*") if path.parent.name == "models" or path.name == "ledger.jsonl"]


def test_size_below_the_limit_is_rejected_when_it_is_triggered(api: AirflowApi) -> None:
    from leapline.errors import LocalServiceError

    with pytest.raises(LocalServiceError, match=r"400 .*sessions_per_day"):
        api.trigger("drill", {"sessions_per_day": 1000})
