"""Whether the champion is too old to serve, or has to be replaced after an erasure."""

from datetime import date

from leapline.deployment.retired_models import retired_models
from leapline.records.serving_state import ServingState
from leapline.settings import Settings
from leapline.storage import lake_of


def retired_champion(settings: Settings, serving: ServingState, today: date) -> str:
    """Return a sentence if the champion had to be replaced by now, because visitors in its data were erased."""
    retire_by = retired_models(lake_of(settings), today).get(serving.model_id or "")
    return f"Champion {serving.model_id} had to be replaced by {retire_by}: visitors were erased." if retire_by else ""


def stale_champion(settings: Settings, serving: ServingState, day: date) -> str:
    """Return a sentence on the champion's age if it is stale on a data day; empty if it is not, or if there is none."""
    if serving.data_day is None:
        return ""
    age = (day - serving.data_day).days
    if age < settings.stale_champion_days:
        return ""
    limit = settings.stale_champion_days
    return f"Champion {serving.model_id} is {age} data days old (limit: {limit}); no newer model was promoted."
