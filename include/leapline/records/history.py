"""The days that were judged, side by side: how good each one's model was, and what became of it.

    history/history.csv    a row a day, newest attempt of each: the columns of `COLUMNS`
    history/history.md     the same as a table to read
    history/roc_auc.svg    ROC AUC by day with its intervals, and roc_auc.png

Written again by whoever has the last word on a day, backfills and nightly runs alike: each file is swapped in whole, so
the last writer's has all days.
"""

import csv
import io
from datetime import date
from pathlib import Path
from typing import Any

from leapline.evaluation.document import Heading, Table, to_markdown
from leapline.records import verdicts
from leapline.settings import Settings
from leapline.storage import Lake, read_json, write_bytes

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
    """One row a judged day of the range, in order; the keys of `COLUMNS`."""
    days = [d for d in verdicts.judged_days(lake) if (first is None or d >= first) and (last is None or d <= last)]
    return [_row(lake, day) for day in days]


def write(settings: Settings) -> Path:
    """Write table and plot over all judged days; gives their folder."""
    from leapline.evaluation.plots import draw_history

    lake = Lake(settings.home)
    found, folder = rows(lake), settings.home / FOLDER
    write_bytes(folder / "history.csv", _csv(found).encode())
    write_bytes(folder / "history.md", to_markdown([Heading("Judged days", 1), table(found)]).encode())
    for name, content in draw_history(found).items():
        write_bytes(folder / name, content)
    return folder


def table(found: list[dict[str, Any]]) -> Table:
    """The rows to read."""
    lines = [
        (
            row["data_day"],
            _with_interval(row, "roc_auc"),
            _with_interval(row, "average_precision"),
            row["positives"],
            row["result"],
            row["verdict"],
        )
        for row in found
    ]
    return Table(("data day", "ROC AUC", "average precision", "buyers", "result", "verdict"), lines)


def _row(lake: Lake, day: date) -> dict[str, Any]:
    metrics = read_json(lake.current("evaluations", day) / "metrics.json")
    verdict = verdicts.final(lake, day)
    champion = verdict["champion"]
    compared = champion["comparison"] or {"difference": None}
    row = {"data_day": day.isoformat(), "examples": metrics["examples"], "positives": metrics["positives"]}
    for name in ("roc_auc", "average_precision"):
        low, high = metrics[f"{name}_interval"] or (None, None)
        row |= {name: metrics[name], f"{name}_low": low, f"{name}_high": high}
    return row | {
        "result": verdict["result"],
        "champion": champion["model_id"],
        "champion_difference": compared["difference"],
        "verdict": verdict["summary"],
    }


def _csv(found: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    return out.getvalue()


def _with_interval(row: dict[str, Any], name: str) -> str:
    if row[name] is None:
        return "-"
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return f"{row[name]:.4f}" + ("" if low is None else f" ({low:.4f} to {high:.4f})")
