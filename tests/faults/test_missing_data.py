"""A night without events, or that lost over half of them: the alert says that data is missing, no model is judged."""

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from leapline.errors import DataCheckError, LeaplineError, NoEventsError
from leapline.orchestration.alerts import messages
from leapline.runtime.context import RunContext
from leapline.runtime.step import perform
from leapline.settings import Settings
from leapline.steps import check_events, extract
from leapline.storage import Lake, read_json, write_json
from leapline.storage.seal import write_data_seal
from leapline.synthetic import GeneratorSpec, generate
from tests.ports import free_address

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DAY = date(2026, 3, 4)
FACTS = {"day": DAY.isoformat(), "backfill": False}
pytestmark = [pytest.mark.spark, pytest.mark.usefixtures("spark")]


class Ended:
    """A task that has ended, as Airflow passes it to a notifier."""

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id

    def xcom_pull(self, task_ids: str) -> dict[str, Any]:
        return FACTS


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, spark: "SparkSession") -> Settings:
    """An installation whose last day is extracted, and the same weekdays before it had 2.2 times its events."""
    folder = tmp_path_factory.mktemp("night")
    generate(folder / "landing", GeneratorSpec(start=DAY, days=1, sessions_per_day=60))
    settings = Settings(
        home=folder / "lake", landing=folder / "landing", pseudonym_key="k" * 32, spark_shuffle_partitions=2,
        training_days=0, registry=free_address(), max_quarantine_share=1,
    )  # fmt: skip
    step(settings, "extract")
    lake = Lake(settings.home)
    profile = read_json(lake.current("events", DAY) / "profile.json")
    for days in range(1, 22):
        # Every other day has so few events that half of them would be no reason to doubt.
        share = 2.2 if days % 7 == 0 else 0.5
        with lake.attempt("events", DAY - timedelta(days=days)) as out:
            write_json(out / "profile.json", profile | {"events": int(profile["events"] * share)})
            write_data_seal(lake, out, [], {})
    return settings


def step(settings: Settings, name: str, day: date = DAY) -> dict[str, Any]:
    """Run a step as a task does."""
    module = {"extract": extract, "check_events": check_events}[name]
    return perform(name, module.run, settings, RunContext(day, f"run-{day}"))


def alerts(settings: Settings, name: str, error: LeaplineError, day: date = DAY) -> list[str]:
    context = {"ti": Ended(name), "run_id": f"run-{day}", "exception": error}
    return [message.title for message in messages(settings, context)]


def test_half_a_night_is_missing_data_and_no_bad_model(settings: Settings) -> None:
    with pytest.raises(
        DataCheckError, match="of the median of 3 same weekdays before .* data is missing, independ"
    ) as e:
        step(settings, "check_events")
    assert "The current champion keeps serving" in str(e.value)
    assert "(events is" in str(e.value)
    assert str(e.value).count("expected at least") == 1, "nothing else is wrong with this night"
    assert alerts(settings, "check_events", e.value) == [f"Data missing, data of {DAY}"]
    assert not Lake(settings.home).has("candidates", DAY)


def test_night_without_events_is_missing_data(settings: Settings) -> None:
    empty = DAY + timedelta(days=40)
    with pytest.raises(NoEventsError, match=f"events of {empty}") as error:
        step(settings, "extract", empty)
    assert alerts(settings, "extract", error.value, empty) == [f"Data missing, data of {DAY}"]
    assert not Lake(settings.home).has("events", empty)


def test_other_failures_of_the_check_keep_their_name(settings: Settings) -> None:
    error = DataCheckError("events", found="prices below zero", expected="none", fix="Look.")
    assert alerts(settings, "check_events", error, DAY + timedelta(days=41)) == [f"Data check failed, data of {DAY}"]
