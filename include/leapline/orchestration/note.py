"""The note on a DAG run in Airflow's web UI: how the run ended, in one sentence."""

from leapline.records.runs import RunOutcome, run_outcome
from leapline.settings import Settings

MAX_LENGTH = 1000
"""Characters that Airflow keeps of a note."""
_LABELS = {"promoted": "Promoted", "reproduced": "Champion reproduced", "published": "Published"}


def run_note(settings: Settings, run_id: str) -> str:
    """Return the note of a run: the failure, the refusal or the promotion; empty while there is nothing to report."""
    outcome = run_outcome(settings, run_id)
    return _text(outcome)[:MAX_LENGTH] if outcome else ""


def _text(outcome: RunOutcome) -> str:
    if outcome.state == "unfinished":
        return ""
    label = _LABELS.get(outcome.state)
    return f"{label}: {outcome.sentence}" if label else outcome.sentence
