"""The upper half of the Models page: what one run did, from the reports and folders that it left.

A folder that a later run of the same day has replaced is not shown for the earlier run, as its curves would be those of
another model. What is missing or cannot be read is left out: the page is needed most when a run is broken.
"""

from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from leapline.errors import LeaplineError, SupersededError
from leapline.records.runs import Reports, RunOutcome, find_run, list_outcomes, outcome_of, read_reports, summary_of
from leapline.runtime.context import STEPS
from leapline.settings import Settings
from leapline.storage import Folder, Lake, lake_of, read_json

LISTED = 30
"""Runs offered for selection, newest first."""

Json = dict[str, Any]


def listed(settings: Settings, most: int = LISTED) -> list[Json]:
    """Return the newest runs: `run_id, day, outcome, step, sentence, ended`."""
    return [_brief(outcome) for outcome in list_outcomes(settings, most)]


def detail(settings: Settings, run_id: str | None = None) -> Json | None:
    """Return what the page shows of a run; of the last nightly run if no id is given. None if there is no such run."""
    folder = find_run(settings, run_id)
    if folder is None:
        return None
    reports = read_reports(folder)
    return _brief(outcome_of(folder, reports)) | {
        "steps": [_step(step, reports.get(step)) for step in STEPS],
        "seconds": sum(report.get("seconds", 0) for report in reports.values()),
        "rules": _rules(settings, reports),
        "probe": _probe(summary_of(reports, "probe")),
        "published": _published(summary_of(reports, "publish")),
        "data": _data(settings, reports),
        "model": _model(settings, reports),
    }


def _brief(outcome: RunOutcome) -> Json:
    content = asdict(outcome)
    return content | {"outcome": content.pop("state")}


def _step(step: str, report: Json | None) -> Json:
    if report is None:
        return {"step": step, "state": "not run", "seconds": None}
    refused = report["ok"] and (report.get("summary") or {}).get("passed") is False
    skipped = "skipped" if (report.get("summary") or {}).get("skipped") else "done"
    superseded = not report["ok"] and report["error"].get("kind") == SupersededError.__name__
    failed = "superseded" if superseded else "failed"
    state = failed if not report["ok"] else "refused" if refused else skipped
    return {"step": step, "state": state, "seconds": report.get("seconds")}


def _probe(summary: Json) -> Json | None:
    return {key: summary.get(key) for key in ("passed", "sentence", "rows", "p50_us", "p99_us")} if summary else None


def _rules(settings: Settings, reports: Reports) -> list[Json]:
    """Return the run's rules: those of the final verdict if it completes this run's gate, otherwise the gate's."""
    rules: list[Json] = summary_of(reports, "gate").get("rules", [])
    folder = current(lake_of(settings), "probes", reports["probe"]["day"]) if "probe" in reports else None
    final: list[Json] = read_or(folder / "verdict.json", {}).get("rules", []) if folder else []
    return final if final[: len(rules)] == rules else rules


def _published(summary: Json) -> Json | None:
    """Return what was published; `docker_images` maps architecture to digest, `platforms` to how it was tested."""
    if not summary:
        return None
    docker = {arch: image["digest"] for arch, image in summary.get("docker_images", {}).items()}
    return {key: summary[key] for key in ("model_id", "digest", "image")} | {
        "docker_images": docker,
        "platforms": summary.get("platforms", {}),
        "left_out": summary.get("left_out", {}),
    }


def _data(settings: Settings, reports: Reports) -> Json:
    """Return the counts of the day, and the result of its data check."""
    day = next(iter(reports.values()), {}).get("day", "")
    lake = lake_of(settings)
    counts = summary_of(reports, "extract").get(day, {})
    built = summary_of(reports, "featurize").get(day, {})
    sizes = ("lines", "other_days", "added", "events", "excluded", "quarantined", "quarantined_share", "late_taken")
    keys = (*sizes, "warning")
    return {key: counts[key] for key in keys if key in counts} | {
        # Sessions, not examples: a session yields several examples.
        **{key: built.get(key) for key in ("clean_sessions", "starting_at_checkout", "sessions")},
        "buying_sessions": built.get("buying_sessions", built.get("positives")),
        "check": _check(lake, day) if "check_events" in reports else None,
    }


def _check(lake: Lake, day: str) -> Json | None:
    folder = current(lake, "checks", day)
    result = read_or(folder / "result.json", None) if folder else None
    if not folder or not result:
        return None
    shown = {key: result.get(key) for key in ("passed", "sentence", "outcomes")}
    return shown | {"docs": f"docs/{day}/{result['docs']}" if (folder / result["docs"]).exists() else None}


def _model(settings: Settings, reports: Reports) -> Json | None:
    """Return numbers, curves and importances of the candidate; the two latter only if they are still this run's."""
    summary, gate = summary_of(reports, "evaluate"), summary_of(reports, "gate")
    if not summary:
        return None
    lake, day = lake_of(settings), reports["evaluate"]["day"]
    evaluation = current(lake, "evaluations", day)
    metrics = read_or(evaluation / "metrics.json", {}) if evaluation else {}
    is_current = evaluation is not None and metrics.get("roc_auc") == summary.get("roc_auc")
    candidate = current(lake, "candidates", day) if is_current else None
    training = read_or(candidate / "training.json", {}) if candidate else {}
    return {
        "metrics": (metrics if is_current else summary) | {"threshold": summary_of(reports, "train").get("threshold")},
        "curves": read_or(evaluation / "curves.json", None) if is_current and evaluation else None,
        "importances": training.get("importances"),
        "training_days": summary_of(reports, "train").get("days", []),
        "champion": summary.get("champion"),
        "card": f"days/{day}/card" if is_current and gate and current(lake, "verdicts", day) else None,
    }


def current(lake: Lake, dataset: str, day: str) -> Folder | None:
    """Return a day's committed folder, or None."""
    try:
        return lake.current(dataset, date.fromisoformat(day))
    except (LeaplineError, ValueError):
        return None


def read_or(path: Path, otherwise: Any) -> Any:
    """Return a JSON file's content, or `otherwise` if it cannot be read."""
    try:
        return read_json(path)
    except LeaplineError:
        return otherwise
