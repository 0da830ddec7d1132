"""The clock of this machine goes back or forward between two steps: nothing alive is deleted, nothing loses its order.

What waits or locks uses the monotonic clock, so only what compares dates has to be tried: by another time in
`leapline.clock`, and by other times of files.
"""

import multiprocessing
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from leapline import clock
from leapline.deployment.factory import promotion_request
from leapline.errors import ErasureError
from leapline.privacy.exclusions import exclude, excluded_visitors
from leapline.privacy.retention import OF_VISITORS
from leapline.promotion.ledger import Ledger
from leapline.records.recent_champions import recent_champions
from leapline.runtime.day_owner import owner_of, take_day
from leapline.settings import Settings
from leapline.storage import Lake, LocalStore, write_json
from leapline.storage.heartbeat import ABANDONED, HEARTBEAT
from tests.command import leapline
from tests.lakes import attempts_of
from tests.promotion.test_ledger import ENTRY
from tests.steps.nights import do

NOW = datetime(2026, 3, 20, 4, tzinfo=UTC)
DAY = date(2026, 3, 19)
JUMPS = {
    "a day back": NOW - timedelta(days=1),
    "a day forward": NOW + timedelta(days=1),
    "1970": datetime(1970, 1, 1, tzinfo=UTC),
    "2038": datetime(2038, 1, 20, tzinfo=UTC),
}
jumps = pytest.mark.parametrize("time", JUMPS.values(), ids=list(JUMPS))


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    return lambda time: monkeypatch.setattr(clock, "now", lambda: time)


@jumps
def test_ledger_stays_ordered_and_sound(tmp_path: Path, set_clock: Callable[[datetime], None], time: datetime) -> None:
    """Its order is that of its links."""
    ledger = Ledger(LocalStore(tmp_path))
    for number, moment in enumerate((NOW, time, NOW + timedelta(minutes=1))):
        set_clock(moment)
        request = promotion_request(f"r{number}", "test")
        model = {"model_id": f"2026-03-1{number}-0123456789ab", "after": f"sha256:{number}"}
        assert ledger.append(replace(ENTRY, run_id=request.run_id, when=request.when.isoformat(), **model))
    assert ledger.problems() == []
    assert [entry.run_id for entry in ledger.checked_entries()] == ["r0", "r1", "r2"]
    assert [line.chain.sequence for line in ledger.state().lines if line.chain] == [1, 2, 3]
    # The serving model counts as a recent champion whatever the clock said when it was promoted.
    assert "2026-03-12" in str(recent_champions(Lake(tmp_path), ledger.entries(), DAY, 28))


def lake_until(tmp_path: Path, newest: date) -> Lake:
    lake = Lake(tmp_path)
    for day in (newest, newest - timedelta(days=30), newest - timedelta(days=100)):
        for dataset in OF_VISITORS:
            with lake.attempt(dataset, day) as out:
                write_json(out / "rows.json", dataset)
    return lake


@pytest.mark.parametrize("time", [JUMPS["2038"], NOW + timedelta(days=8)])
def test_retention_deletes_nothing_while_the_clock_is_far_ahead(
    tmp_path: Path, set_clock: Callable[[datetime], None], time: datetime
) -> None:
    lake, settings = lake_until(tmp_path, DAY), Settings(home=tmp_path, retention_days=90)
    set_clock(time)
    with pytest.raises(ErasureError, match=r"no day of events after 2026-03-19, .*nothing was deleted.*--confirm"):
        do(settings, DAY, "retain")
    assert all(len(lake.days(dataset)) == 3 for dataset in OF_VISITORS)
    # A person who knows that the clock is right, because the shop has closed:
    deleted = leapline(settings, "retain", "--confirm")["deleted"]
    assert len(deleted["events"]) == (3 if time.year == 2038 else 1)


@pytest.mark.parametrize("time", [JUMPS["1970"], JUMPS["a day back"], NOW, JUMPS["a day forward"]])
def test_retention_never_deletes_more_than_a_day_early(
    tmp_path: Path, set_clock: Callable[[datetime], None], time: datetime
) -> None:
    lake = lake_until(tmp_path, DAY)
    set_clock(time)
    do(Settings(home=tmp_path, retention_days=90), DAY, "retain")
    old = DAY - timedelta(days=100)
    assert lake.days("events") == [*([old] if time.year == 1970 else []), DAY - timedelta(days=30), DAY]


@jumps
def test_erased_visitor_stays_excluded(tmp_path: Path, set_clock: Callable[[datetime], None], time: datetime) -> None:
    lake = Lake(tmp_path)
    for moment in (NOW, time):
        set_clock(moment)
        exclude(lake, ["a" * 64], clock.today())
    assert excluded_visitors(lake) == {"a" * 64: "2026-03-20"}


@jumps
def test_owner_of_a_day_is_the_last_to_take_it(
    tmp_path: Path, set_clock: Callable[[datetime], None], time: datetime
) -> None:
    settings = Settings(home=tmp_path)
    for moment, run in ((NOW, "first"), (time, "second")):
        set_clock(moment)
        take_day(settings, DAY, run)
    assert owner_of(settings, DAY) == "second"


SHIFTS = {"back": timedelta(days=-1), "forward": timedelta(days=1), "to 2038": timedelta(days=4300)}


def shift(folder: Path, by: timedelta) -> None:
    """Give all files of an attempt the times that they have after the clock has jumped by the opposite."""
    for path in folder.rglob("*"):
        then = path.stat().st_mtime + by.total_seconds()
        os.utime(path, (then, then))


@pytest.mark.parametrize("by", SHIFTS.values(), ids=list(SHIFTS))
def test_attempt_of_a_living_writer_is_kept(tmp_path: Path, by: timedelta) -> None:
    """Its heartbeat seems to be a day old, or of tomorrow, when another run commits."""
    lake = Lake(tmp_path)
    with lake.attempt("events", DAY) as slow:
        write_json(slow / "rows.json", "slow")
        shift(slow, by)
        with lake.attempt("events", DAY) as fast:
            write_json(fast / "rows.json", "fast")
        assert slow.exists()
    assert lake.current("events", DAY).name == slow.name


def leave_attempt(home: Path) -> Any:
    """Begin an attempt, and die."""
    with Lake(home).attempt("events", DAY) as out:
        write_json(out / "rows.json", "dead")
        os._exit(0)


@pytest.mark.parametrize("by", SHIFTS.values(), ids=list(SHIFTS))
def test_attempt_of_a_dead_writer_does_not_stay_for_ever(tmp_path: Path, by: timedelta) -> None:
    writer = multiprocessing.get_context("spawn").Process(target=leave_attempt, args=(tmp_path,))
    writer.start()
    writer.join()
    lake = Lake(tmp_path)
    [dead] = attempts_of(lake, "events", DAY)
    assert (dead / HEARTBEAT).exists()
    shift(dead, by)
    assert abs(by) > ABANDONED
    with lake.attempt("events", DAY) as out:
        write_json(out / "rows.json", "alive")
    assert attempts_of(lake, "events", DAY) == [out]
