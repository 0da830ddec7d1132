"""The truth beside the events: what each session's chance was, and whether it bought. Nothing in the line reads it."""

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
    """One row a session."""

    sessions: list[str]
    chance: npt.NDArray[np.float64]
    bought: npt.NDArray[np.bool_]

    def csv(self, day: date) -> str:
        """The rows as CSV without header."""
        rows = zip(self.sessions, self.chance.tolist(), self.bought.tolist(), strict=True)
        return "".join(f"{session},{day},{chance!r},{int(bought)}\n" for session, chance, bought in rows)


def truth_path(truth_dir: Path, day: date) -> Path:
    """Where one day's truth lies."""
    return truth_dir / f"date={day}.csv.gz"


def add_truth(landing: Path, day: date, truth: Truth, first: bool) -> None:
    """Write the first rows of a day's truth, or append further ones: gzip members may follow one another in a file."""
    path = truth_path(landing / FOLDER, day)
    rows = truth.csv(day)
    if first:
        write_bytes(path, gzip_bytes([(",".join(HEADER) + "\n" + rows).encode()]))
        return
    with path.open("ab") as file:
        file.write(gzip_bytes([rows.encode()]))


def read_truth(truth_dir: Path, days: Iterable[date]) -> Truth:
    """The truth of some days.

    Raises:
        InputError: a day's truth is not there.
    """
    sessions: list[str] = []
    chance: list[float] = []
    bought: list[bool] = []
    for day in days:
        path = truth_path(truth_dir, day)
        if not path.is_file():
            raise InputError(
                f"truth of {day}",
                found=f"no file {path}",
                expected="the truth that the generator writes beside its events",
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
    """The ROC AUC of the true chance against the outcomes: what the best possible model would reach.

    Args:
        truth_dir: the `_truth` folder.
        days: days on which the sessions start.
        sessions: judge only these sessions; None = all.
        pseudonym: turns a `domain_sessionid` into the name used in `sessions`; None = they are the ids themselves.

    Returns:
        ROC AUC; NaN where there are no buyers or only buyers.

    Raises:
        InputError: a day's truth is not there.
    """
    truth = read_truth(truth_dir, days)
    if sessions is None:
        return _roc_auc(truth.chance, truth.bought)
    wanted = frozenset(sessions)
    names = truth.sessions if pseudonym is None else map(pseudonym, truth.sessions)
    kept = np.fromiter((name in wanted for name in names), dtype=bool, count=len(truth.sessions))
    return _roc_auc(truth.chance[kept], truth.bought[kept])


def _roc_auc(score: npt.NDArray[np.float64], outcome: npt.NDArray[np.bool_]) -> float:
    """The share of (buyer, other) pairs in which the buyer has the higher score, ties counted half (Mann-Whitney)."""
    positives = int(outcome.sum())
    negatives = len(outcome) - positives
    if not positives or not negatives:
        return float("nan")
    _, index, counts = np.unique(score, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2
    ranks = mean_rank[index][outcome].sum()
    return float((ranks - positives * (positives + 1) / 2) / (positives * negatives))
