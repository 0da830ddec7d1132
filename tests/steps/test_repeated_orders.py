"""An order counts on the first day that contains it, however the days are extracted."""

import shutil
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from leapline.errors import (
    DataCheckError,
    InputChangedError,
    LeaplineError,
    NoEventsError,
    QuarantineError,
    StorageError,
)
from leapline.modelling.order_history import orders_before
from leapline.orchestration.task_log import summary_line
from leapline.runtime.context import RunContext
from leapline.settings import Settings
from leapline.sources.landed.landing import LandingFolder
from leapline.sources.source import DayWindow, Listing
from leapline.steps import check_events, extract
from leapline.storage import Lake
from tests.events.lines import DAY, at, land, line
from tests.lakes import current_of, folder_of
from tests.steps.tampering import each_change

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.usefixtures("spark")]
FIRST = DAY.date()
SECOND = FIRST + timedelta(days=1)
MONTH_LATER = FIRST + timedelta(days=31)


def land_day(landing: Path, day: date, orders: Iterable[str]) -> None:
    """Land a day with one session per order."""
    number, lines = (day - FIRST).days, []
    for hour, name in enumerate(orders):
        session = f"{day} {hour}"
        when = at(hour, number)
        lines.append(line(f"view {session}", when, session, event_name="page_view"))
        fields = {"event": "transaction", "tr_orderid": name, "tr_total": "100"}
        lines.append(line(f"order {session}", when + timedelta(minutes=5), session, None, **fields))
    land(landing, lines, run=f"{day + timedelta(days=1)}-02-00-00")


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The order o1 is reloaded on the next day and 31 days later."""
    folder = tmp_path_factory.mktemp("landing")
    land_day(folder, FIRST, ["o1", "o2"])
    land_day(folder, SECOND, ["o1", "o3", "o4", "o5", "o6"])
    land_day(folder, MONTH_LATER, ["o1", "o7"])
    return folder


def settings_of(landing: Path, home: Path, **changed: Any) -> Settings:
    usual = {"training_days": 0, "days_late": 0, "spark_shuffle_partitions": 2}
    return Settings.load(home=home, landing=landing, pseudonym_key="k" * 32, **(usual | changed))


def run(settings: Settings, day: date) -> dict[str, Any]:
    return extract.run(settings, RunContext(day, "r"))


def buyers(lake: Lake, day: date) -> int:
    events = pd.read_parquet(current_of(lake, "events", day) / "events")
    return int(events[events["kind"] == "purchase"]["session"].nunique())


def content(lake: Lake, day: date) -> list[bytes]:
    """The bytes of a day's orders and the text of its counts."""
    files = [*current_of(lake, "orders", day).rglob("*.parquet"), current_of(lake, "events", day) / "counts.json"]
    return [path.read_bytes() for path in files]


@pytest.fixture(scope="module")
def listed() -> list[date]:
    """The days that the extraction of `both` has listed."""
    return []


@pytest.fixture(scope="module")
def both(landing: Path, tmp_path_factory: pytest.TempPathFactory, spark: "SparkSession", listed: list[date]) -> Lake:
    """A lake with the first two days, extracted in parallel; not to be changed."""

    class Counting(LandingFolder):
        def list_day(self, window: DayWindow) -> Listing:
            listed.append(window.day)
            return super().list_day(window)

    lake = Lake(tmp_path_factory.mktemp("both"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extract, "source_from", lambda settings, *_: Counting(settings.landing_dir))
        summary = run(settings_of(landing, folder_of(lake), training_days=1), SECOND)
    assert set(summary) == {FIRST.isoformat(), SECOND.isoformat()}
    assert not any("warning" in day for day in summary.values())
    return lake


@pytest.fixture
def lake(both: Lake, tmp_path: Path) -> Lake:
    """A copy of `both`."""
    shutil.copytree(folder_of(both), tmp_path / "lake")
    return Lake(tmp_path / "lake")


def test_order_reloaded_on_the_next_day_counts_once(both: Lake) -> None:
    assert [buyers(both, day) for day in (FIRST, SECOND)] == [2, 4]


def test_each_day_is_listed_once(both: Lake, listed: list[date]) -> None:
    assert sorted(listed) == [FIRST, SECOND]


def test_orders_are_read_after_the_wait_for_earlier_days(both: Lake, tmp_path: Path, spark: "SparkSession") -> None:
    def commit() -> None:
        shutil.copytree(folder_of(both) / "orders", tmp_path / "orders")

    assert orders_before(Lake(tmp_path), SECOND, 30, commit)(spark).days == 1


def test_order_reloaded_after_the_compared_days_counts_again(landing: Path, lake: Lake) -> None:
    counts = run(settings_of(landing, folder_of(lake)), MONTH_LATER)[MONTH_LATER.isoformat()]
    assert (buyers(lake, MONTH_LATER), counts["order_days"], counts["orders_repeated"]) == (2, 1, 0)
    counts = run(settings_of(landing, folder_of(lake), repeated_order_days=31), MONTH_LATER)[MONTH_LATER.isoformat()]
    assert (buyers(lake, MONTH_LATER), counts["order_days"], counts["orders_repeated"]) == (1, 2, 1)


def test_orders_are_compared_within_the_day_only_by_setting(landing: Path, lake: Lake) -> None:
    counts = run(settings_of(landing, folder_of(lake), repeated_order_days=0), SECOND)[SECOND.isoformat()]
    assert (buyers(lake, SECOND), counts["order_days"], "warning" in counts) == (5, 0, False)


def test_day_without_orders_of_an_earlier_version_is_skipped(landing: Path, lake: Lake) -> None:
    shutil.rmtree(folder_of(lake) / lake.folder("orders", FIRST))
    counts = run(settings_of(landing, folder_of(lake)), SECOND)[SECOND.isoformat()]
    assert (buyers(lake, SECOND), counts["order_days"]) == (5, 0)


def test_day_extracted_after_a_later_one_names_it_until_both_are_extracted_again(
    landing: Path, both: Lake, tmp_path: Path
) -> None:
    lake = Lake(tmp_path)
    run(settings_of(landing, tmp_path), SECOND)
    summary = run(settings_of(landing, tmp_path), FIRST)
    assert (buyers(lake, FIRST), buyers(lake, SECOND)) == (2, 5)
    assert summary[FIRST.isoformat()]["later_days"] == [SECOND.isoformat()]
    assert f"counted twice or not at all on {SECOND}: run `leapline extract" in summary_line("extract", summary)
    assert "warning" not in run(settings_of(landing, tmp_path), SECOND)[SECOND.isoformat()]
    assert buyers(lake, SECOND) == 4
    assert "warning" not in run(settings_of(landing, tmp_path), FIRST)[FIRST.isoformat()]
    assert [content(lake, day) for day in (FIRST, SECOND)] == [content(both, day) for day in (FIRST, SECOND)]


def test_day_that_lost_an_order_names_the_later_day_that_left_it_out(lake: Lake, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    land_day(changed, FIRST, ["another", "o2"])
    summary = run(settings_of(changed, folder_of(lake)), FIRST)
    assert summary[FIRST.isoformat()]["later_days"] == [SECOND.isoformat()]


def test_order_ids_that_start_again_fail_the_data_check(tmp_path: Path) -> None:
    landing, numbers = tmp_path / "landing", [str(number) for number in range(1, 7)]
    land_day(landing, FIRST, numbers)
    land_day(landing, SECOND, numbers)
    settings = settings_of(landing, tmp_path, training_days=1)
    run(settings, SECOND)
    assert (buyers(Lake(tmp_path), FIRST), buyers(Lake(tmp_path), SECOND)) == (6, 0)
    changes = 0
    for change in each_change(Lake(tmp_path), ("events", "quarantine", "orders"), SECOND):
        with pytest.raises((InputChangedError, StorageError)):
            check_events.run(settings, RunContext(SECOND, "r"))
        changes += 1
        assert change
    assert changes > 15
    with pytest.raises(DataCheckError, match="correct `order` in the event mapping.*LEAPLINE_REPEATED_ORDER_DAYS=0"):
        check_events.run(settings, RunContext(SECOND, "r"))


@pytest.mark.parametrize("error", [None, NoEventsError, QuarantineError])
def test_day_is_placed_after_earlier_days_have_ended(
    landing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[LeaplineError] | None
) -> None:
    """An earlier day without events has no orders; any other failure ends the later day too, with the first error."""
    later_has_begun, ended = Event(), []

    def fake(_: object, __: Settings, ___: Lake, day: date, ____: Listing, wait: Any) -> dict[str, int]:
        if day == SECOND:
            later_has_begun.set()
            wait()
        else:
            assert later_has_begun.wait(timeout=60)
            if error:
                raise error(f"events of {day}", found="none", expected="some", fix="Wait.")
        ended.append(day)
        return {"events": 1}

    monkeypatch.setattr(extract, "extract_day", fake)
    settings = settings_of(landing, tmp_path, training_days=1)
    if error is QuarantineError:
        with pytest.raises(QuarantineError, match=f"events of {FIRST}"):
            run(settings, SECOND)
        assert ended == []
    else:
        assert list(run(settings, SECOND)) == [FIRST.isoformat(), SECOND.isoformat()]
        assert ended == ([FIRST, SECOND] if error is None else [SECOND])
