"""The counts of a day's lines, which the tasks of all stages have sent along with their rows."""

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from leapline.errors import InputError
from leapline.events.cleaner.tasks import COUNTS
from leapline.events.reasons import OTHER_DAY


@dataclass(frozen=True)
class Counts:
    """Counts of lines; slices are numbers.

    Args:
        lines: per slice.
        bytes: of all lines.
        other_days: lines per slice that were dropped before they were split, because they belong to another day.
        dropped: lines per slice and reason that were dropped later.
        groups: kept rows by `slice`, `reason` (None for events), `width` (None for lines of the usual width) and
            `currency`: `rows`, `lines`, `bytes` (of the lines), `late` (lines that arrived after the look-ahead),
            `priced` (lines with a price) and `undated` (lines without a readable time of arrival).
    """

    lines: Counter[int] = field(default_factory=Counter)
    bytes: Counter[int] = field(default_factory=Counter)
    other_days: Counter[int] = field(default_factory=Counter)
    dropped: Counter[tuple[int, str]] = field(default_factory=Counter)
    groups: list[dict[str, Any]] = field(default_factory=list)

    def by_reason(self) -> Counter[str]:
        """Return the dropped lines per reason."""
        reasons: Counter[str] = Counter({OTHER_DAY: self.other_days.total()})
        for (_, reason), lines in self.dropped.items():
            reasons[reason] += lines
        return reasons

    def add(self, counts: dict[str, Any]) -> None:
        """Add the counts of a task."""
        for number, one in (counts.get("slices") or {}).items():
            for name in ("lines", "bytes", "other_days"):
                getattr(self, name)[int(number)] += one[name]
        for one in counts.get("dropped") or ():
            self.dropped[one["slice"], one["reason"]] += one["lines"]
        self.groups.extend(counts.get("groups") or ())


def collect_counts(kept: DataFrame) -> Counts:
    """Return the counts, which makes Spark do all the work.

    Args:
        kept: columns of `tasks.BLOCKS`.

    Raises:
        InputError: a source file is truncated.
    """
    total = Counts()
    for row in _collected(kept.where(F.col("part") == COUNTS).select("block")):
        total.add(json.loads(row["block"]))
    return total


def _collected(frame: DataFrame) -> list[Any]:
    try:
        return frame.collect()
    except Exception as exc:
        text = str(exc)
        if match := re.search(r"reading file (/.+?) failed: |reading file (?:file:/*)?(/\S+?)\.? ", text):
            truncated = "EOF" in text or "Unexpected end" in text
            raise InputError(
                str(Path(match[1] or match[2]).resolve()),
                found="a truncated file" if truncated else "a file that cannot be read to its end",
                expected="a complete file, plain or compressed in a form that docs/input.md names",
                fix="Fetch the file again.",
            ) from exc
        raise
