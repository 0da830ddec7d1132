"""The identity of a run: its data day, its id and its steps."""

import getpass
import uuid
from dataclasses import dataclass
from datetime import date
from typing import Final

STEP_DESCRIPTIONS: Final[dict[str, str]] = {
    "extract": "Read and clean the day's Snowplow events, and those of missing training days; quarantine broken lines.",
    "check_events": "Check the day's clean events with Great Expectations; a broken expectation is an error.",
    "featurize": "Compute features and labels of sessions and of their items, for the day and changed training days.",
    "train": "Fit and calibrate the forests on the days before, and write their Bundle.ML.",
    "evaluate": "Score the day, unseen in training: metrics, slices, plots, and the champion on the same sessions.",
    "gate": "Decide the verdict, rule by rule, and write the model card.",
    "package": "Put model and scorer into one image on disk.",
    "probe": "Start that image and compare its answers with Spark's.",
    "publish": "Push the image under its model id, and compare what the registry returns.",
    "promote": "Move the tag `champion` to the image, if the verdict still applies.",
    "deploy": "Make every target of LEAPLINE_DEPLOY run the champion.",
}
"""Description of each step, in the order of a run."""
STEPS: Final = tuple(STEP_DESCRIPTIONS)


@dataclass(frozen=True)
class RunContext:
    """The day and run for which a step is executed.

    Attributes:
        day: the data day, UTC.
        run_id: Airflow's run id, or a generated one for a command.
        backfill: whether the run rebuilds the past; such a run never moves the champion to an older day.
        who: the person who started it; empty if the schedule did, or if the process's user did.
    """

    day: date
    run_id: str
    backfill: bool = False
    who: str = ""

    @property
    def person(self) -> str:
        """The person who started the run, or the user of this process."""
        return self.who or getpass.getuser()


def new_run_id() -> str:
    """Return a run id for a step started from the command line."""
    return f"manual-{uuid.uuid4().hex[:8]}"
