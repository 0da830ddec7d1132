"""List the judged days whose labels have changed since, for the DAG `late`."""

from typing import Any

from leapline.modelling.delayed_labels import listing
from leapline.runtime.context import RunContext
from leapline.runtime.step import main
from leapline.settings import Settings


def run(settings: Settings, context: RunContext) -> dict[str, Any]:
    """Return the list under `days`; see `leapline.modelling.delayed_labels.listing`.

    Raises:
        InputError: the landing folder or a file in it cannot be read.
    """
    return {"days": listing(settings, context.day)}


if __name__ == "__main__":
    main("late", run)
