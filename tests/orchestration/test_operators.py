"""What an operator makes of the facts, and of an error."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from leapline.errors import RegistryError, SettingsError


class Pulls:
    """A task instance whose only deed is to hand out the facts."""

    def __init__(self, **facts: Any) -> None:
        self.facts = {"day": "2026-03-01", "backfill": False, "ready_at": None, "overrides": {}} | facts

    def xcom_pull(self, task_ids: str) -> dict[str, Any]:
        assert task_ids == "resolve"
        return self.facts


def test_a_night_waits_for_the_tail_without_a_worker() -> None:
    from airflow.sdk.exceptions import TaskDeferred

    from leapline.orchestration.operators import WaitForTail

    moment = datetime.now(UTC) + timedelta(hours=1)
    with pytest.raises(TaskDeferred) as deferred:
        WaitForTail().execute({"ti": Pulls(ready_at=moment.isoformat())})
    assert deferred.value.trigger.moment == moment


@pytest.mark.parametrize("ready_at", [None, "2026-03-02T03:00:00+00:00"])
def test_a_past_day_does_not_wait(ready_at: str | None) -> None:
    from leapline.orchestration.operators import WaitForTail

    WaitForTail().execute({"ti": Pulls(ready_at=ready_at)})


def test_arguments_of_a_submitted_step() -> None:
    from leapline.orchestration.operators import _arguments

    facts = Pulls(backfill=True, overrides={"training_days": 3, "promote": False}).facts
    assert _arguments(facts, "backfill__x") == [  # type: ignore[arg-type]
        *("--date", "2026-03-01", "--run-id", "backfill__x", "--backfill"),
        *("--set", "promote=False", "--set", "training_days=3"),
    ]


def test_arguments_come_back_as_settings() -> None:
    from leapline.orchestration.operators import _arguments
    from leapline.runtime.step import parse_overrides
    from leapline.settings import Settings

    pairs = _arguments(Pulls(overrides={"training_days": 3, "promote": False}).facts, "x")[5::2]  # type: ignore[arg-type]
    settings = Settings.load(**parse_overrides(pairs))
    assert (settings.training_days, settings.promote) == (3, False)


@pytest.mark.parametrize(("reopen", "asked"), [(True, [{"date": "2026-03-02", "promote": False}]), (False, [])])
def test_days_that_have_changed_are_judged_again_if_asked(reopen: bool, asked: list[Any]) -> None:
    from leapline.orchestration.operators import ChangedDays

    class Told:
        def xcom_pull(self, task_ids: str) -> dict[str, Any]:
            days = {"2026-03-01": False, "2026-03-02": True}
            return {"days": [{"data_day": d, "changed": c, "sentence": d} for d, c in days.items()]}

    assert ChangedDays().execute({"ti": Told(), "params": {"reopen": reopen}}) == asked


def test_a_reason_from_the_report_or_from_spark() -> None:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException

    from leapline.orchestration.operators import _reason

    submit = AirflowException("Error code is: 1")
    told = {"ok": False, "error": {"text": "the lake is full", "retriable": False}}
    assert type(_reason(told, submit)) is AirflowFailException
    assert str(_reason(told, submit)) == "the lake is full"
    told["error"] = {"text": "busy", "retriable": True}
    assert type(_reason(told, submit)) is AirflowException
    assert _reason(None, submit) is submit
    assert _reason({"ok": True}, submit) is submit


def test_only_what_can_pass_is_tried_again() -> None:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException

    from leapline.orchestration.failures import named_failures

    parts = {"found": "a", "expected": "b", "fix": "c."}
    for error, kind in ((RegistryError, AirflowException), (SettingsError, AirflowFailException)):
        with pytest.raises(AirflowException, match="thing: found a; expected b. c.") as caught, named_failures():
            raise error("thing", **parts)
        assert type(caught.value) is kind
