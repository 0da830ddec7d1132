"""How a run ended, in one sentence; it stands as the run's note on top of its page in Airflow's web UI."""

from typing import Any

from leapline.runtime.context import STEPS
from leapline.runtime.reports import past_report
from leapline.settings import Settings

LONGEST = 1000
"""Characters that Airflow keeps of a note."""


def run_note(settings: Settings, run_id: str) -> str:
    """The failed step's reason, or the refusal, or what became of the champion; "" for a run that left no report."""
    reports = {step: past_report(settings, run_id, step) for step in STEPS}
    told = [sentence for step, report in reports.items() if report and (sentence := _sentence(step, report))]
    return told[-1][:LONGEST] if told else ""


def _sentence(step: str, report: dict[str, Any]) -> str:
    if not report["ok"]:
        return f"{step} failed: {report['error']['text']}"
    summary = report["summary"]
    if step in {"gate", "probe"}:
        return str(summary["sentence"])
    if step == "promote":
        done = "Champion" if summary["promoted"] else "Published, not promoted"
        return f"{done}: {summary['model_id']}. {summary['why']}"
    return ""
