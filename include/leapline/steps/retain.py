"""Delete old rows of single visitors, for the DAG `retention` and `leapline retain`."""

from datetime import UTC, datetime, timedelta
from typing import Any

from leapline.formatting import quantity
from leapline.privacy.retention import delete_before
from leapline.runtime.context import RunContext
from leapline.runtime.step import main
from leapline.settings import Settings
from leapline.storage import lake_of


def run(settings: Settings, context: RunContext) -> dict[str, Any]:
    """Delete the rows of days that are older than the setting `retention_days`.

    Returns:
        Under `deleted` dataset -> days, and a `sentence`.

    Raises:
        ErasureError: something can still be read.
    """
    if settings.retention_days == 0:
        return {"deleted": {}, "sentence": "LEAPLINE_RETENTION_DAYS is 0: everything is kept."}
    first = datetime.now(UTC).date() - timedelta(days=settings.retention_days)
    deleted = delete_before(lake_of(settings), first)
    days = quantity(len({day for days in deleted.values() for day in days}), "day")
    return {"deleted": deleted, "sentence": f"Deleted the rows of visitors of {days} before {first}."}


if __name__ == "__main__":
    main("retain", run)
