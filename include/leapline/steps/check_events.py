"""Check the statistics of the day's events with Great Expectations; an unmet expectation fails the run."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from leapline.errors import DataCheckError
from leapline.modelling.days import days_with
from leapline.records import data_seals
from leapline.runtime.context import RunContext
from leapline.runtime.step import main
from leapline.settings import Settings
from leapline.storage import Lake, lake_of, read_json, write_json
from leapline.storage.seal import seal_digest, write_data_seal

HISTORY_DAYS = 14
HISTORY_WEEKS = 5


def run(settings: Settings, context: RunContext) -> dict[str, Any]:
    """Check the data day, and the training days whose current events were never checked.

    Raises:
        NotInLakeError: the day was not extracted.
        InputChangedError: its files were changed since.
        DataCheckError: the data day does not meet an expectation. Training days that do not are left out of training.
    """
    lake = lake_of(settings)
    for dataset in ("events", "quarantine", "orders"):
        if dataset == "events" or lake.has(dataset, context.day):
            data_seals.unchanged(lake, dataset, context.day)
    earlier = [day for day in days_with(lake, "events", settings, context.day) if not _is_checked(lake, day)]
    summary: dict[str, Any] = {day.isoformat(): _check(settings, lake, day) for day in earlier}
    result = summary[context.day.isoformat()] = _check(settings, lake, context.day)
    if not result["passed"]:
        raise DataCheckError(
            f"events of {context.day}",
            found=result["sentence"],
            expected="every expectation to be met",
            fix=f"Open {result['docs']}, fix the source, and run the day again. The current champion keeps serving.",
        )
    return summary


def _check(settings: Settings, lake: Lake, day: date) -> dict[str, Any]:
    from leapline.quality.check import check
    from leapline.quality.expectations import Limits

    events = data_seals.unchanged(lake, "events", day)
    history = _profiles(lake, (day - timedelta(days=n) for n in range(1, HISTORY_DAYS + 1)))
    same_weekday = _profiles(lake, (day - timedelta(weeks=n) for n in range(1, HISTORY_WEEKS + 1)))
    limits = Limits(
        min_volume_ratio=settings.min_volume_ratio,
        max_quarantine_share=settings.max_quarantine_share,
        max_duplicate_share=settings.max_duplicate_share,
        max_repeated_order_share=settings.max_repeated_order_share,
        max_price=settings.max_price,
        max_other_currency_share=settings.max_other_currency_share,
        max_shared_session_share=settings.max_shared_session_share,
        max_busy_visitor_share=settings.max_busy_visitor_share,
        unusable_files=settings.unusable_files == "warn",
    )
    with lake.attempt("checks", day) as out:
        result = check(read_json(events / "profile.json"), history, limits, day.isoformat(), out, same_weekday)
        write_json(out / "result.json", result.as_dict() | {"source": events.name})
        write_data_seal(lake, out, [], {f"events/{day}": seal_digest(events)})
    return {"passed": result.passed, "sentence": result.sentence(), "docs": lake.address(out, result.docs)}


def _profiles(lake: Lake, days: Iterable[date]) -> list[dict[str, Any]]:
    return [read_json(lake.current("events", day) / "profile.json") for day in days if lake.has("events", day)]


def _is_checked(lake: Lake, day: date) -> bool:
    """Return whether the current attempt of the day's events was checked."""
    if not lake.has("checks", day):
        return False
    return bool(read_json(lake.current("checks", day) / "result.json")["source"] == lake.current("events", day).name)


if __name__ == "__main__":
    main("check_events", run)
