"""The data day and the settings of a run."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pendulum
import pytest
from airflow.sdk.api.datamodels._generated import DagRunType

from leapline.errors import SettingsError
from leapline.orchestration.params import data_day, resolve
from leapline.settings import Settings
from tests.conftest import ROOT

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
NIGHTLY = {
    "logical_date": MIDNIGHT - timedelta(days=1),
    "data_interval_start": MIDNIGHT - timedelta(days=1),
    "data_interval_end": MIDNIGHT,
    "run_after": MIDNIGHT,
    "conf": None,
}
MANUAL = {
    "run_type": DagRunType.MANUAL,
    "logical_date": None,
    "data_interval_start": None,
    "data_interval_end": None,
    "run_after": MIDNIGHT + timedelta(hours=15),
    "conf": {},
}


def resolved(params: dict[str, Any], **run: Any) -> dict[str, Any]:
    return dict(resolve(params, SimpleNamespace(**run), Settings.load(lookahead_hours=3)))


@pytest.mark.parametrize(
    ("run", "params", "day", "backfill", "ready_at"),
    [
        (NIGHTLY | {"run_type": DagRunType.SCHEDULED}, {}, "2026-03-01", False, "2026-03-02T03:00:00+00:00"),
        (NIGHTLY | {"run_type": DagRunType.BACKFILL}, {}, "2026-03-01", True, "2026-03-02T03:00:00+00:00"),
        (NIGHTLY | {"run_type": DagRunType.BACKFILL}, {"date": "2026-02-10"}, "2026-02-10", True, None),
        (MANUAL, {}, "2026-03-01", False, None),
        (MANUAL, {"date": "2026-02-10"}, "2026-02-10", False, None),
        (MANUAL | {"conf": None}, {"date": ""}, "2026-03-01", False, None),
    ],
)
def test_day_backfill_and_waiting_follow_the_run(
    run: dict[str, Any], params: dict[str, Any], day: str, backfill: bool, ready_at: str | None
) -> None:
    assert resolved(params, **run) == {"day": day, "backfill": backfill, "ready_at": ready_at, "overrides": {}}


NOW = datetime(2026, 3, 10, 5, 30, tzinfo=UTC)
TOKYO, NEW_YORK = ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")


@pytest.fixture(scope="module")
def timetable() -> Any:
    """The schedule of `retrain` as Airflow's API server and scheduler use it."""
    from airflow.dag_processing.dagbag import DagBag
    from airflow.serialization.encoders import coerce_to_core_timetable

    return coerce_to_core_timetable(DagBag(str(ROOT / "dags")).dags["retrain"].timetable)


def from_api(timetable: Any, **body: Any) -> SimpleNamespace:
    """Return the run that the REST API creates for a body; the web UI uses the same route."""
    from airflow.api_fastapi.core_api.datamodels.dag_run import TriggerDAGRunPostBody

    dag = SimpleNamespace(timetable=timetable, validate_partition_key=lambda _: None)
    run = TriggerDAGRunPostBody(**({"run_after": NOW} | body)).validate_context(dag)
    return manual_run(run["logical_date"], run["data_interval"], run["run_after"])


def from_command_line(timetable: Any, logical_date: datetime | None) -> SimpleNamespace:
    """Return the run that `airflow dags trigger` creates: its interval is inferred from the present."""
    interval = timetable.infer_manual_data_interval(run_after=pendulum.instance(NOW)) if logical_date else None
    return manual_run(logical_date, interval, NOW)


def manual_run(logical_date: datetime | None, interval: Any, run_after: datetime) -> SimpleNamespace:
    return SimpleNamespace(
        run_type=DagRunType.MANUAL,
        logical_date=logical_date,
        data_interval_start=interval and interval.start,
        data_interval_end=interval and interval.end,
        run_after=run_after,
        conf={},
    )


@pytest.mark.parametrize(
    ("logical_date", "day"),
    [
        (None, "2026-03-09"),
        (datetime(2026, 3, 5, tzinfo=UTC), "2026-03-05"),
        (datetime(2026, 3, 5, 23, 59, 59, tzinfo=UTC), "2026-03-05"),
        (datetime(2026, 3, 5, 3, tzinfo=TOKYO), "2026-03-04"),
        (datetime(2026, 3, 4, 22, tzinfo=NEW_YORK), "2026-03-05"),
        (datetime(2026, 3, 8, 2, 30, tzinfo=NEW_YORK), "2026-03-08"),
        (datetime(2026, 3, 9, tzinfo=UTC), "2026-03-09"),
        (datetime(2026, 3, 10, tzinfo=UTC), "2026-03-09"),
        (NOW, "2026-03-09"),
        (datetime(2026, 4, 1, tzinfo=UTC), "2026-03-09"),
    ],
)
def test_manual_run_works_on_the_day_of_its_logical_date(timetable: Any, logical_date: Any, day: str) -> None:
    for run in (from_api(timetable, logical_date=logical_date), from_command_line(timetable, logical_date)):
        assert data_day(None, run).isoformat() == day
        assert data_day("2026-02-10", run).isoformat() == "2026-02-10"


def test_empty_interval_of_a_dag_without_schedule_does_not_decide(timetable: Any) -> None:
    run = from_api(timetable, logical_date=NOW, data_interval_start=NOW, data_interval_end=NOW)
    assert data_day(None, run) == date(2026, 3, 9)


@pytest.mark.parametrize("logical_day", [1, 5, 8])
def test_given_interval_decides_the_day_of_a_manual_run(timetable: Any, logical_day: int) -> None:
    interval = {
        "data_interval_start": datetime(2026, 3, 3, tzinfo=UTC),
        "data_interval_end": datetime(2026, 3, 4, tzinfo=UTC),
    }
    run = from_api(timetable, logical_date=datetime(2026, 3, logical_day, tzinfo=UTC), **interval)
    assert data_day(None, run) == date(2026, 3, 3)


@pytest.mark.parametrize(
    ("params", "overrides"),
    [
        ({"promote": True, "training_days": None}, {}),
        ({"promote": False}, {"promote": False}),
        ({"promote_backfills": False}, {}),
        ({"promote_backfills": True}, {"promote_backfills": True}),
        ({"training_days": 0, "roc_auc_threshold": 0.9}, {"training_days": 0, "roc_auc_threshold": 0.9}),
    ],
)
def test_only_given_params_override_settings(params: dict[str, Any], overrides: dict[str, Any]) -> None:
    assert resolved(params, **MANUAL)["overrides"] == overrides


@pytest.mark.parametrize(
    ("params", "run", "text"),
    [
        ({"date": "1 March"}, MANUAL, "param date: found '1 March'"),
        ({}, MANUAL | {"conf": {"treshold": 0.9}}, "param treshold: found no param of that name"),
    ],
)
def test_invalid_param_is_reported_by_name(params: dict[str, Any], run: dict[str, Any], text: str) -> None:
    with pytest.raises(SettingsError, match=text):
        resolved(params, **run)


def test_out_of_range_value_is_rejected_even_without_form_validation() -> None:
    with pytest.raises(SettingsError, match="roc_auc_threshold"):
        resolve({"roc_auc_threshold": 0.2}, SimpleNamespace(**MANUAL))
