"""Which days a run works on."""

from datetime import date, timedelta

from leapline.settings import Settings
from leapline.storage import Lake, read_json


def training_window(settings: Settings, day: date) -> list[date]:
    """The `training_days` days before the data day, in order."""
    return [day - timedelta(days=n) for n in range(settings.training_days, 0, -1)]


def days_with(lake: Lake, dataset: str, settings: Settings, day: date) -> list[date]:
    """The days of the training window that have a committed `dataset`."""
    return [d for d in training_window(settings, day) if lake.has(dataset, d)]


def checked_days(lake: Lake, settings: Settings, day: date) -> list[date]:
    """The days of the training window whose events passed their check; only those may train."""
    found = days_with(lake, "checks", settings, day)
    return [d for d in found if read_json(lake.current("checks", d) / "result.json")["passed"]]
