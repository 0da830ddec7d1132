"""What a run of the line did, from the reports and folders that it left: the upper half of the Models page.

A folder that a later run of the same day has replaced is not shown for the earlier one: its curves would be another
model's. Whatever is missing or cannot be read is left out, as the page has to stand when the line is broken.
"""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from leapline.errors import LeaplineError
from leapline.runtime.context import STEPS
from leapline.settings import Settings
from leapline.storage import Lake, read_json

LISTED = 30
"""Runs that are offered to look at, newest first."""

Json = dict[str, Any]


def listed(settings: Settings, most: int = LISTED) -> list[Json]:
    """The newest runs: `run_id, day, outcome, sentence, ended`."""
    return [_brief(folder) for folder in _folders(settings)[:most]]


def detail(settings: Settings, run_id: str | None = None) -> Json | None:
    """All that the page shows of a run; of the last night's if none is named. None if there is no such run."""
    folders = _folders(settings)
    found = _last_night(folders) if run_id is None else _named(folders, run_id)
    if found is None:
        return None
    reports = {report["step"]: report for report in _reports(found)}
    return _brief(found) | {
        "steps": [_step(step, reports.get(step)) for step in STEPS],
        "seconds": sum(report.get("seconds", 0) for report in reports.values()),
        "rules": _rules(settings, reports),
        "probe": _probe(_summary(reports, "probe")),
        "published": _published(_summary(reports, "publish")),
        "data": _data(settings, reports),
        "model": _model(settings, reports),
    }


def _last_night(folders: list[Path]) -> Path | None:
    """The newest run that has come to an end and was not a backfill; else the newest there is."""
    for folder in folders[:LISTED]:
        brief = _brief(folder)
        if brief["outcome"] != "unfinished" and not brief["run_id"].startswith("backfill__"):
            return folder
    return folders[0] if folders else None


def _named(folders: list[Path], run_id: str) -> Path | None:
    """The run's folder, looked up among those that are there: what is asked for never becomes a path."""
    return next((f for f in folders if _reports(f, 1)[0].get("run_id") == run_id), None)


def _folders(settings: Settings) -> list[Path]:
    """The runs' folders with a report in them, the one written to last first."""
    root = settings.home / "runs"
    found = [(p.stat().st_mtime, p) for p in root.iterdir()] if root.is_dir() else []
    return [path for _, path in sorted(found, reverse=True) if any((path / f"{step}.json").exists() for step in STEPS)]


def _reports(folder: Path, most: int = len(STEPS)) -> list[Json]:
    """The steps' reports in the line's order; one that cannot be read counts as not there."""
    read = (read_or(folder / f"{step}.json", None) for step in STEPS if (folder / f"{step}.json").exists())
    return [report for report in read if report][:most] or [{}]


def _brief(folder: Path) -> Json:
    reports = {report["step"]: report for report in _reports(folder) if report}
    first = next(iter(reports.values()), {})
    outcome, sentence = _outcome(reports)
    return {
        "run_id": first.get("run_id", folder.name),
        "day": first.get("day", ""),
        "outcome": outcome,
        "sentence": sentence,
        "ended": datetime.fromtimestamp(folder.stat().st_mtime, UTC).isoformat(timespec="seconds"),
    }


def _outcome(reports: dict[str, Json]) -> tuple[str, str]:
    """`failed`, `refused`, `promoted`, `published` or `unfinished`, and the sentence that goes with it."""
    for step, report in reports.items():
        if not report["ok"]:
            return "failed", f"Failed in {step}: {report['error']['text']}"
    for step in ("gate", "probe"):
        summary = _summary(reports, step)
        if summary and not summary["passed"]:
            return "refused", str(summary["sentence"])
    if "promote" not in reports:
        return "unfinished", f"No end yet: {next(reversed(reports), 'no step')} was the last step done."
    summary = _summary(reports, "promote")
    verdict = _summary(reports, "gate").get("sentence", "")
    if summary["promoted"]:
        return "promoted", str(verdict or summary["why"])
    return "published", f"{verdict} Not promoted: {summary['why']}.".strip()


def _summary(reports: dict[str, Json], step: str) -> Json:
    return reports.get(step, {}).get("summary") or {}


def _step(step: str, report: Json | None) -> Json:
    if report is None:
        return {"step": step, "state": "not run", "seconds": None}
    refused = report["ok"] and (report.get("summary") or {}).get("passed") is False
    state = "failed" if not report["ok"] else "refused" if refused else "done"
    return {"step": step, "state": state, "seconds": report.get("seconds")}


def _probe(summary: Json) -> Json | None:
    return {key: summary.get(key) for key in ("passed", "sentence", "rows", "p50_us", "p99_us")} if summary else None


def _rules(settings: Settings, reports: dict[str, Json]) -> list[Json]:
    """The gate's rules, and the image's own where the verdict was closed with them."""
    rules: list[Json] = _summary(reports, "gate").get("rules", [])
    folder = current(Lake(settings.home), "probes", reports["probe"]["day"]) if "probe" in reports else None
    closed: list[Json] = read_or(folder / "verdict.json", {}).get("rules", []) if folder else []
    return closed if closed[: len(rules)] == rules else rules


def _published(summary: Json) -> Json | None:
    if not summary:
        return None
    return {"model_id": summary["model_id"], "digest": summary["digest"], "image": summary["image"]}


def _data(settings: Settings, reports: dict[str, Json]) -> Json:
    """The day's counts, and how its check went."""
    day = next(iter(reports.values()), {}).get("day", "")
    lake = Lake(settings.home)
    counts = _summary(reports, "extract").get(day, {})
    examples = _summary(reports, "featurize").get(day, {})
    keys = ("lines", "events", "excluded", "quarantined", "quarantined_share", "late_taken")
    return {key: counts[key] for key in keys if key in counts} | {
        "examples": examples.get("examples"),
        "buyers": examples.get("positives"),
        "check": _check(lake, day) if "check_events" in reports else None,
    }


def _check(lake: Lake, day: str) -> Json | None:
    folder = current(lake, "checks", day)
    result = read_or(folder / "result.json", None) if folder else None
    if not folder or not result:
        return None
    kept = {key: result.get(key) for key in ("passed", "sentence", "outcomes")}
    return kept | {"docs": f"docs/{day}/{result['docs']}" if (folder / result["docs"]).exists() else None}


def _model(settings: Settings, reports: dict[str, Json]) -> Json | None:
    """Numbers, curves and importances of the candidate; the two latter only if they are still this run's."""
    summary, gate = _summary(reports, "evaluate"), _summary(reports, "gate")
    if not summary:
        return None
    lake, day = Lake(settings.home), reports["evaluate"]["day"]
    evaluation = current(lake, "evaluations", day)
    metrics = read_or(evaluation / "metrics.json", {}) if evaluation else {}
    own = evaluation is not None and metrics.get("roc_auc") == summary.get("roc_auc")
    candidate = current(lake, "candidates", day) if own else None
    training = read_or(candidate / "training.json", {}) if candidate else {}
    return {
        "metrics": (metrics if own else summary) | {"threshold": _summary(reports, "train").get("threshold")},
        "curves": read_or(evaluation / "curves.json", None) if own and evaluation else None,
        "importances": training.get("importances"),
        "training_days": _summary(reports, "train").get("days", []),
        "champion": summary.get("champion"),
        "card": f"days/{day}/card" if own and gate and current(lake, "verdicts", day) else None,
    }


def current(lake: Lake, dataset: str, day: str) -> Path | None:
    """A day's committed folder, if there is one."""
    try:
        return lake.current(dataset, date.fromisoformat(day))
    except (LeaplineError, ValueError):
        return None


def read_or(path: Path, otherwise: Any) -> Any:
    """A JSON file's content, or `otherwise` if it cannot be read."""
    try:
        return read_json(path)
    except LeaplineError:
        return otherwise
