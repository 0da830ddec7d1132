"""Reconciliation of a day's counts: every line that was read ends in exactly one place."""

import json
import re
from pathlib import Path
from typing import Any, Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from leapline.errors import BalanceError, InputError, NoEventsError

OTHER_DAY: Final = "other_day"
"""Reason of lines that the run of another day counts."""

EXCLUDED: Final = ("bot", "duplicate", "internal", "no_consent", "no_session", "no_visitor")
"""Reasons why a sound line is left out."""

QUARANTINED: Final = ("clock_skew", "conflict", "endless", "event_id", "late", "nul_byte", "not_utf8", "personal_data",
                      "timestamp", "too_long", "width")  # fmt: skip
"""Reasons why a line is quarantined for an operator to look at."""


def source_counters(other: Column) -> list[Column]:
    """Return counters for `observe` at the source: all lines, and the lines of other days that are dropped there.

    Args:
        other: whether a line belongs to another day.
    """
    return [F.count(F.lit(1)).alias("lines"), F.count(F.when(other, 1)).alias("other")]


def reason_counters() -> list[Column]:
    """Return counters for `observe`: one per reason for which a line is dropped."""
    return [F.count(F.when(F.col("reason") == r, 1)).alias(r) for r in (OTHER_DAY, *EXCLUDED)]


def is_kept() -> Column:
    """Whether a line is an event or goes into quarantine."""
    return F.col("reason").isNull() | ~F.col("reason").isin(OTHER_DAY, *EXCLUDED)


def count_kept(kept: DataFrame) -> dict[str, int]:
    """Count the kept rows, which makes Spark do all the work.

    Returns:
        `events`, `added`, `late_taken`, and the number of lines per quarantine reason.

    Raises:
        InputError: a source file is truncated.
    """
    first, reason = F.col("nth") == 0, F.col("reason")
    grouped = kept.groupBy(F.coalesce(reason, F.lit("events")).alias("group")).agg(
        F.count("*").alias("rows"),
        F.count(F.when(first, 1)).alias("lines"),
        F.count(F.when(first & F.col("after_tail"), 1)).alias("late"),
    )
    rows = {row["group"]: row for row in _collect(grouped)}
    events = rows.pop("events", None)
    counts = {reason: row["lines"] for reason, row in rows.items()}
    if events is None:
        return counts | {"events": 0, "added": 0, "late_taken": 0}
    return counts | {"events": events["rows"], "added": events["rows"] - events["lines"], "late_taken": events["late"]}


def _collect(frame: DataFrame) -> list[Any]:
    try:
        return frame.collect()
    except Exception as exc:
        text = str(exc)
        if match := re.search(r"reading file (?:file:/*)?(/\S+?)\.? ", text):
            truncated = "EOF" in text or "Unexpected end" in text
            raise InputError(
                str(Path(match[1]).resolve()),
                found="a truncated file" if truncated else "a file that cannot be read to its end",
                expected="complete gzip or plain text",
                fix="Fetch the file again.",
            ) from exc
        raise


def balance(
    kept: dict[str, int], source: dict[str, int], scanned: dict[str, int], gathered: dict[str, int]
) -> dict[str, Any]:
    """Combine the counters of four independent places.

    Args:
        kept: `count_kept` of the result.
        source: `source_counters` where the lines are read.
        scanned: `reason_counters` before the shuffles.
        gathered: `reason_counters` after the shuffles.
    """
    dropped = {reason: scanned[reason] + gathered[reason] for reason in (OTHER_DAY, *EXCLUDED)}
    quarantined = {reason: kept.get(reason, 0) for reason in QUARANTINED}
    dropped[OTHER_DAY] += source["other"]
    of_the_day = source["lines"] - dropped[OTHER_DAY]
    return {
        "lines": source["lines"],
        "events": kept["events"],
        "added": kept["added"],
        "late_taken": kept["late_taken"],
        "other_days": dropped.pop(OTHER_DAY),
        "excluded": dropped,
        "quarantined": quarantined,
        "quarantined_share": round(sum(quarantined.values()) / of_the_day, 6) if of_the_day else 0.0,
    }


def require_balance(counts: dict[str, Any]) -> None:
    """Raise BalanceError unless every line ended in exactly one place."""
    out = counts["events"] - counts["added"] + counts["other_days"]
    out += sum(counts["excluded"].values()) + sum(counts["quarantined"].values())
    if out != counts["lines"]:
        raise BalanceError(
            f"lines of {counts['day']}",
            found=f"{counts['lines']} in, {out} out ({json.dumps(counts)})",
            expected="every line to become an event, or to be excluded or quarantined once",
            fix="Run the step again.",
        )


def require_events(counts: dict[str, Any]) -> None:
    """Raise NoEventsError, with the reasons, if no event is left."""
    if counts["events"] == 0:
        dropped = {"of other days": counts["other_days"], **counts["excluded"], **counts["quarantined"]}
        listed = ", ".join(f"{n} {reason}" for reason, n in dropped.items() if n)
        raise NoEventsError(
            f"events of {counts['day']}",
            found=f"none among {counts['lines']} lines ({listed or 'empty files'})",
            expected="sessions that start on that day",
            fix="Check that the collector ran, or choose another date.",
        )
