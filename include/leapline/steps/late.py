"""List the judged days whose labels have changed since, for the DAG `late`."""

from typing import Any

from leapline.modelling.delayed_labels import list_label_changes
from leapline.runtime.context import RunContext
from leapline.runtime.step import main
from leapline.settings import Settings


def run(settings: Settings, context: RunContext) -> dict[str, Any]:
    """Return the list under `days`; see `leapline.modelling.delayed_labels.list_label_changes`.

    Raises:
        InputError: the landing folder or a file in it cannot be read.
    """
    return {"days": list_label_changes(settings, context.day)}


if __name__ == "__main__":
    main("late", run)
