"""Delete old rows of single visitors, for the DAG `retention` and `leapline retain`."""

from datetime import date, timedelta
from typing import Any

from leapline import clock
from leapline.errors import ErasureError
from leapline.formatting import quantity
from leapline.privacy.retention import delete_before
from leapline.runtime.context import RunContext
from leapline.runtime.step import main
from leapline.settings import Settings
from leapline.storage import Lake, lake_of
from leapline.storage.sweeping import sweep


def run(settings: Settings, context: RunContext) -> dict[str, Any]:
    """Delete the rows of days that are older than the setting `retention_days`, and what interrupted runs have left.

    Returns:
        Under `deleted` dataset -> days, under `swept` what interrupted runs had left, and a `sentence`.

    Raises:
        ErasureError: something can still be read; or the newest day is so old that the clock may be wrong, and nothing
            was deleted.
    """
    lake = lake_of(settings)
    swept = sweep(lake.store)
    left = f" Removed {quantity(len(swept), 'leftover')} of interrupted runs." if swept else ""
    if settings.retention_days == 0:
        sentence = f"LEAPLINE_RETENTION_DAYS is 0: everything is kept.{left}"
        return {"deleted": {}, "swept": swept, "sentence": sentence}
    today = clock.today()
    _require_plausible(settings, lake, today)
    first = today - timedelta(days=settings.retention_days)
    deleted = delete_before(lake, first)
    days = quantity(len({day for days in deleted.values() for day in days}), "day")
    sentence = f"Deleted the rows of visitors of {days} before {first}.{left}"
    return {"deleted": deleted, "swept": swept, "sentence": sentence}


def _require_plausible(settings: Settings, lake: Lake, today: date) -> None:
    """Check that the lake has a recent day: a clock that has jumped forward would make every day an old one."""
    newest = max(lake.days("events"), default=None)
    limit = settings.retention_max_gap_days
    if not limit or newest is None or today - newest <= timedelta(days=limit):
        return
    raise ErasureError(
        f"retention on {today}",
        found=f"no day of events after {newest}, {(today - newest).days} days before this machine's date",
        expected=f"a gap of at most {limit} days; nothing was deleted",
        fix="Correct the machine's clock. If it is right, run `leapline retain --confirm`, or the DAG `retention` with "
        "the param `retention_max_gap_days` 0.",
    )


if __name__ == "__main__":
    main("retain", run)
