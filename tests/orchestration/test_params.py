"""The data day and the settings of a run."""

from datetime import UTC, date, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.api.datamodels._generated import DagRunType

from leapline.errors import SettingsError
from leapline.orchestration.params import data_day, resolve
from leapline.settings import Settings

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
NIGHTLY = {"data_interval_start": MIDNIGHT - timedelta(days=1), "run_after": MIDNIGHT, "conf": None}
MANUAL = {
    "run_type": DagRunType.MANUAL,
    "data_interval_start": None,
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


def test_data_days_are_utc() -> None:
    east = timezone(timedelta(hours=9))
    assert data_day(None, datetime(2026, 3, 2, 3, tzinfo=east), MIDNIGHT) == date(2026, 3, 1)
    assert data_day(None, None, datetime(2026, 3, 2, 3, tzinfo=east)) == date(2026, 2, 28)


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
