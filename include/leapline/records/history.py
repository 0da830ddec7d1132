"""The judged days in order: how good each day's model was, and what was decided.

    history/history.csv    one row per day with the verdict in force: the columns of `COLUMNS`
    history/history.md     the same as a table
    history/roc_auc.svg    ROC AUC by day with its intervals, and roc_auc.png

Rewritten completely whenever a verdict becomes final, by nightly runs and backfills alike. Each file is replaced as a
whole, so the last writer's version has all days.
"""

import csv
import io
from datetime import date
from typing import Any

from leapline.errors import LeaplineError
from leapline.evaluation.document import Heading, Table, plain, to_markdown
from leapline.formatting import interval, score
from leapline.records import verdicts
from leapline.settings import Settings
from leapline.storage import Lake, lake_of, read_json

FOLDER = "history"
COLUMNS = (
    "data_day",
    "roc_auc",
    "roc_auc_low",
    "roc_auc_high",
    "average_precision",
    "average_precision_low",
    "average_precision_high",
    "examples",
    "positives",
    "result",
    "champion",
    "champion_difference",
    "verdict",
)


def rows(lake: Lake, first: date | None = None, last: date | None = None) -> list[dict[str, Any]]:
    """Return one row per judged day of the range, in order, with the keys of `COLUMNS`."""
    days = [d for d in verdicts.judged_days(lake) if (first is None or d >= first) and (last is None or d <= last)]
    return [_row(lake, day) for day in days]


def newest_rows(lake: Lake, count: int) -> list[dict[str, Any]]:
    """Return the rows of the newest judged days, in order; days whose files cannot be read are left out."""
    results = []
    for day in verdicts.judged_days(lake, newest=count):
        try:
            results.append(_row(lake, day))
        except LeaplineError:
            continue
    return results


def write(settings: Settings) -> str:
    """Write table and plot of all judged days.

    Returns:
        The address of their folder.
    """
    from leapline.evaluation.plots import draw_history

    lake = lake_of(settings)
    days = rows(lake)
    documents = {
        "history.csv": _csv(days).encode(),
        "history.md": to_markdown([Heading("Judged days", 1), table(days)]).encode(),
        **draw_history(days),
    }
    for name, content in documents.items():
        lake.store.put(f"{FOLDER}/{name}", content)
    return f"{lake.store.address}/{FOLDER}"


def table(days: list[dict[str, Any]]) -> Table:
    """Return the rows as a table for people."""
    lines = [
        (
            row["data_day"],
            _with_interval(row, "roc_auc"),
            _with_interval(row, "average_precision"),
            row["examples"],
            row["positives"],
            row["result"],
            plain(row["verdict"]),
        )
        for row in days
    ]
    head = ("data day", "ROC AUC", "average precision", "sessions", "buying sessions", "result", "verdict")
    return Table(head, lines)


def _row(lake: Lake, day: date) -> dict[str, Any]:
    metrics = read_json(lake.current("evaluations", day) / "metrics.json")
    verdict = verdicts.effective_verdict(lake, day)
    champion = verdict["champion"]
    comparison = champion["comparison"] or {"difference": None}
    row = {"data_day": day.isoformat(), "examples": metrics["examples"], "positives": metrics["positives"]}
    for name in ("roc_auc", "average_precision"):
        low, high = metrics[f"{name}_interval"] or (None, None)
        row |= {name: metrics[name], f"{name}_low": low, f"{name}_high": high}
    return row | {
        "result": verdict["result"],
        "champion": champion["model_id"],
        "champion_difference": comparison["difference"],
        "verdict": verdict["summary"],
    }


def _csv(days: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(days)
    return out.getvalue()


def _with_interval(row: dict[str, Any], name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return score(row[name]) + ("" if low is None else f" ({interval((low, high))})")
