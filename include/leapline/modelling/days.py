"""The days that a run works on."""

from datetime import date, timedelta

from leapline.errors import TrainingError
from leapline.privacy.pseudonym_keys import is_current
from leapline.records import data_seals
from leapline.settings import Settings
from leapline.storage import Lake, read_json


def training_window(settings: Settings, day: date) -> list[date]:
    """Return the `training_days` days before the data day, in order."""
    return [day - timedelta(days=n) for n in range(settings.training_days, 0, -1)]


def days_with(lake: Lake, dataset: str, settings: Settings, day: date) -> list[date]:
    """Return the days of the training window that have a committed `dataset`."""
    return [d for d in training_window(settings, day) if lake.has(dataset, d)]


def checked_days(lake: Lake, settings: Settings, day: date) -> list[date]:
    """Return the days of the training window whose events passed their check; only these may be used in training.

    Days whose events are under another pseudonym key than the present one are left out: each of their visitors would
    count as two.
    """
    checked = [d for d in days_with(lake, "checks", settings, day) if is_current(settings, lake, d)]
    return [d for d in checked if read_json(data_seals.unchanged(lake, "checks", d) / "result.json")["passed"]]


def training_days(settings: Settings, lake: Lake, day: date) -> list[date]:
    """Return the days to train on: those of the window with checked events and examples.

    Raises:
        TrainingError: there is none.
    """
    if settings.training_days == 0:
        return [day]
    days = [d for d in checked_days(lake, settings, day) if lake.has("examples", d)]
    if not days:
        window = training_window(settings, day)
        raise TrainingError(
            f"training days {window[0]} to {window[-1]}",
            found="no examples on any of them",
            expected="at least one day with checked events before the data day",
            fix="Choose a later date, more training days, or 0 training days to split the data day itself.",
        )
    return days
