"""The outcome of runs, derived from the reports of their steps, for the Models page, run notes and alerts."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Literal

from leapline.errors import LeaplineError, SupersededError
from leapline.runtime.context import STEPS
from leapline.runtime.reports import RUNS, run_folder
from leapline.settings import Settings
from leapline.storage import Store, lake_of, read_document

State = Literal["failed", "superseded", "refused", "promoted", "reproduced", "published", "unfinished"]
RECENT = 30
"""Runs that a list contains by default."""
HEADLINE_ORDER = ("scheduled__", "manual__", "manual-")
"""Prefixes of run ids: the scheduler's, Airflow's manual runs, commands. A backfill is never the headline."""


@dataclass(frozen=True)
class RunOutcome:
    """The outcome of a run.

    Attributes:
        run_id: Airflow's run id, or that of a command.
        day: the data day, ISO date.
        state: "failed"; "superseded" by a later run of the day; "refused"; "promoted"; "reproduced": the image is byte
            for byte the champion's; "published" without being promoted; "unfinished".
        step: the last step with a report; the one that failed or refused, where one did.
        sentence: the reason in one sentence.
        ended: when the last report was written, UTC, ISO 8601.
    """

    run_id: str
    day: str
    state: State
    step: str
    sentence: str
    ended: str


Reports = dict[str, dict[str, Any]]
"""The reports of a run by step, in the order of the steps."""


@dataclass(frozen=True)
class RunFolder:
    """The reports of a run in the lake.

    Attributes:
        store: has the reports.
        key: of their folder.
        written: step -> when its report was written.
    """

    store: Store = field(repr=False)
    key: str
    written: Mapping[str, datetime]

    @property
    def name(self) -> str:
        """The folder's name, made from the run id."""
        return self.key.rpartition("/")[2]

    @property
    def ended(self) -> datetime:
        """When the last report was written, UTC."""
        return max(self.written.values())


def run_folders(settings: Settings) -> list[RunFolder]:
    """Return the runs that left a report, the one written last first."""
    return sorted(_folders(lake_of(settings).store, RUNS), key=lambda folder: (folder.ended, folder.key), reverse=True)


def _folders(store: Store, prefix: str) -> list[RunFolder]:
    written: dict[str, dict[str, datetime]] = defaultdict(dict)
    for item in store.list(prefix):
        folder, _, name = item.key.rpartition("/")
        if name.removesuffix(".json") in STEPS:
            written[folder][name.removesuffix(".json")] = item.modified
    return [RunFolder(store, key, steps) for key, steps in written.items()]


def read_reports(folder: RunFolder) -> Reports:
    """Return a run's reports; a report that cannot be read counts as missing."""
    return dict(_readable_reports(folder))


def outcome_of(folder: RunFolder, reports: Reports | None = None) -> RunOutcome:
    """Return how a run ended.

    Args:
        folder: the run's, as `run_folders` returns it.
        reports: the run's, if they were read already.
    """
    reports = read_reports(folder) if reports is None else reports
    first = next(iter(reports.values()), {})
    state, step, sentence = _conclude(reports)
    ended = folder.ended.isoformat(timespec="seconds")
    return RunOutcome(first.get("run_id", folder.name), first.get("day", ""), state, step, sentence, ended)


def run_outcome(settings: Settings, run_id: str) -> RunOutcome | None:
    """Return how the run of that id ended; None if it left no report."""
    folder = next(iter(_folders(lake_of(settings).store, run_folder(run_id))), None)
    reports = read_reports(folder) if folder else {}
    return outcome_of(folder, reports) if folder and reports else None


def list_outcomes(settings: Settings, limit: int = RECENT) -> list[RunOutcome]:
    """Return the outcomes of the newest runs, the newest first."""
    return [outcome_of(folder) for folder in run_folders(settings)[:limit]]


def find_run(settings: Settings, run_id: str | None) -> RunFolder | None:
    """Return a run's folder; None if there is no such run.

    Args:
        settings: where the lake is.
        run_id: compared with the ids of the runs in the lake, so that it never becomes a path; None for the run of the
            headline: the last finished nightly run. Only without one, the last finished manual run, or the newest run.
    """
    folders = run_folders(settings)
    if run_id is not None:
        return next((folder for folder in folders if _run_id(folder) == run_id), None)
    candidates = (folder for prefix in HEADLINE_ORDER for folder in folders if folder.name.startswith(prefix))
    finished = (folder for folder in candidates if outcome_of(folder).state not in ("unfinished", "superseded"))
    return next(finished, folders[0] if folders else None)


def summary_of(reports: Reports, step: str) -> dict[str, Any]:
    """Return a step's summary; empty if it did not end well."""
    return reports.get(step, {}).get("summary") or {}


def _run_id(folder: RunFolder) -> str | None:
    return next((report.get("run_id") for _, report in islice(_readable_reports(folder), 1)), None)


def _readable_reports(folder: RunFolder) -> Iterator[tuple[str, dict[str, Any]]]:
    for step in (step for step in STEPS if step in folder.written):
        with suppress(LeaplineError):
            report = read_document(folder.store, f"{folder.key}/{step}.json")
            if report:
                yield step, report


def _conclude(reports: Reports) -> tuple[State, str, str]:
    for step, report in reports.items():
        if not report["ok"] and report["error"].get("kind") == SupersededError.__name__:
            return "superseded", step, f"Superseded before {step}: {report['error']['found']}."
        if not report["ok"]:
            return "failed", step, f"Failed in {step}: {report['error']['text']}"
    for step in ("gate", "probe"):
        summary = summary_of(reports, step)
        if summary and not summary["passed"]:
            return "refused", step, str(summary["sentence"])
    if "promote" not in reports:
        last = next(reversed(reports), "")
        return "unfinished", last, f"Not finished: the last completed step is {last}." if last else "Not started."
    state, step, sentence = _conclude_promotion(summary_of(reports, "promote"))
    deployed = summary_of(reports, "deploy")
    return state, step, f"{sentence} {deployed['why']}." if "targets" in deployed else sentence


def _conclude_promotion(promotion: dict[str, Any]) -> tuple[State, str, str]:
    """The sentence of a promoted model is that of the verdict in force."""
    verdict = str(promotion.get("verdict") or promotion["why"])
    if promotion["promoted"]:
        return "promoted", "promote", verdict
    if promotion.get("is_champion"):
        return "reproduced", "promote", f"{verdict} This image is already the champion."
    return "published", "promote", f"{promotion.get('verdict', '')} Not promoted: {promotion['why']}.".strip()
