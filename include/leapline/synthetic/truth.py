"""The ground truth of generated events: each session's purchase probability and outcome. No pipeline step reads it."""

import csv
import gzip
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from leapline.errors import InputError
from leapline.snowplow.batches import gzip_bytes
from leapline.storage import write_bytes

FOLDER: Final = "_truth"
HEADER: Final = ("domain_sessionid", "start_day", "chance", "bought")


@dataclass(frozen=True)
class Truth:
    """One row per session."""

    sessions: list[str]
    chance: npt.NDArray[np.float64]
    bought: npt.NDArray[np.bool_]

    def csv(self, day: date) -> str:
        """Return the rows as CSV without a header."""
        rows = zip(self.sessions, self.chance.tolist(), self.bought.tolist(), strict=True)
        return "".join(f"{session},{day},{chance!r},{int(bought)}\n" for session, chance, bought in rows)


def truth_path(truth_dir: Path, day: date) -> Path:
    """Return the path of a day's ground truth."""
    return truth_dir / f"date={day}.csv.gz"


def add_truth(landing: Path, day: date, truth: Truth, first: bool) -> None:
    """Write the first rows of a day's ground truth, or append more as another gzip member."""
    path = truth_path(landing / FOLDER, day)
    rows = truth.csv(day)
    if first:
        write_bytes(path, gzip_bytes([(",".join(HEADER) + "\n" + rows).encode()]))
        return
    with path.open("ab") as file:
        file.write(gzip_bytes([rows.encode()]))


def read_truth(truth_dir: Path, days: Iterable[date]) -> Truth:
    """Read the ground truth of the given days.

    Raises:
        InputError: a day's ground truth is missing.
    """
    sessions: list[str] = []
    chance: list[float] = []
    bought: list[bool] = []
    for day in days:
        path = truth_path(truth_dir, day)
        if not path.is_file():
            raise InputError(
                f"ground truth of {day}",
                found=f"no file {path}",
                expected="the ground truth that the generator writes next to its events",
                fix="Generate that day, or name the `_truth` folder of generated data.",
            )
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                sessions.append(row["domain_sessionid"])
                chance.append(float(row["chance"]))
                bought.append(row["bought"] == "1")
    return Truth(sessions, np.array(chance), np.array(bought, dtype=bool))


def best_roc_auc(
    truth_dir: Path,
    days: Iterable[date],
    sessions: Collection[str] | None = None,
    pseudonym: Callable[[str], str] | None = None,
) -> float:
    """Return the ROC AUC of the true probabilities against the outcomes: the best that any model can reach.

    Args:
        truth_dir: the `_truth` folder.
        days: days on which the sessions start.
        sessions: evaluate only these sessions; None means all.
        pseudonym: maps a `domain_sessionid` to the name used in `sessions`; None means that these are the ids.

    Returns:
        ROC AUC; NaN if there are no buyers or only buyers.

    Raises:
        InputError: a day's ground truth is missing.
    """
    truth = read_truth(truth_dir, days)
    if sessions is None:
        return _roc_auc(truth.chance, truth.bought)
    selected = frozenset(sessions)
    names = truth.sessions if pseudonym is None else map(pseudonym, truth.sessions)
    kept = np.fromiter((name in selected for name in names), dtype=bool, count=len(truth.sessions))
    return _roc_auc(truth.chance[kept], truth.bought[kept])


def _roc_auc(score: npt.NDArray[np.float64], outcome: npt.NDArray[np.bool_]) -> float:
    """Return the share of (buyer, other) pairs in which the buyer scores higher; ties count half (Mann-Whitney)."""
    positives = int(outcome.sum())
    negatives = len(outcome) - positives
    if not positives or not negatives:
        return float("nan")
    _, index, counts = np.unique(score, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2
    ranks = mean_rank[index][outcome].sum()
    return float((ranks - positives * (positives + 1) / 2) / (positives * negatives))
