"""The lower half of the Models page: candidates, ROC AUC of the last days, what is serving, and the ledger.

Every decision shown here comes from `leapline.records`; this module only converts it to the form of the page.
"""

from dataclasses import asdict
from threading import Lock
from typing import Any

from leapline.errors import LeaplineError
from leapline.orchestration.logins import usable_logins
from leapline.records import history
from leapline.records.candidates import Candidate, candidate_page
from leapline.records.serving_state import ledger_rows, serving_state
from leapline.settings import Settings
from leapline.storage import lake_of

Json = dict[str, Any]
PAGE = 25
"""Candidates of a page."""
DAYS = 30
"""Data days in the chart of ROC AUC."""
_LOGINS = Lock()
"""Logins are variables of the whole process, whose threads answer requests at the same time."""


def candidates(settings: Settings, before: str | None = None, most: int = PAGE) -> Json:
    """Return a page of candidates, newest data day first.

    Args:
        settings: where the lake is.
        before: the key of the last row of the page before; None for the first page.
        most: rows of a page.

    Returns:
        `{"rows": [{key, model_id, day, roc_auc, interval, average_precision, passed, result, sentence, digest, image,
        card}], "more": whether older ones follow}`.
    """
    rows, more = candidate_page(lake_of(settings), before, most)
    return {"rows": [_row(row) for row in rows], "more": more}


def days(settings: Settings, most: int = DAYS) -> list[Json]:
    """Return ROC AUC of the newest judged days, oldest first: `day, roc_auc, interval, passed, promoted`."""
    promoted = {entry["model_id"][:10] for entry in ledger(settings)["rows"] if entry["action"] == "promote"}
    return [
        {
            "day": row["data_day"],
            "roc_auc": row["roc_auc"],
            "interval": None if row["roc_auc_low"] is None else [row["roc_auc_low"], row["roc_auc_high"]],
            "passed": "refused" not in row["result"],
            "promoted": row["data_day"] in promoted,
        }
        for row in history.newest_rows(lake_of(settings), most)
    ]


def rollbacks(settings: Settings, most: int = 100) -> list[str]:
    """Return when the champion was rolled back, newest first, ISO 8601."""
    return [entry["when"] for entry in ledger(settings)["rows"] if entry["action"] == "rollback"][:most]


def ledger(settings: Settings, most: int | None = None) -> Json:
    """Return the ledger, newest first: `{"rows", "total", "problem"}`; `problem` is why it cannot be read."""
    try:
        entries = ledger_rows(settings)[::-1]
    except LeaplineError as exc:
        return {"rows": [], "total": 0, "problem": str(exc)}
    return {"rows": entries[:most], "total": len(entries), "problem": ""}


def serving(settings: Settings) -> Json:
    """Return what is serving: `{champion, previous, model_id, since, problem, contradiction}`."""
    with _LOGINS, usable_logins(settings):
        return asdict(serving_state(settings))


def _row(candidate: Candidate) -> Json:
    folder = f"models/{candidate.model_id}" if candidate.model_id else f"days/{candidate.data_day}"
    return {
        "key": candidate.key,
        "model_id": candidate.model_id,
        "day": candidate.data_day,
        "roc_auc": candidate.roc_auc,
        "interval": candidate.roc_auc_interval,
        "average_precision": candidate.average_precision,
        "passed": candidate.passed,
        "result": candidate.result,
        "sentence": candidate.summary,
        "digest": candidate.digest,
        "image": candidate.image,
        "card": f"{folder}/card" if candidate.has_card else None,
    }
