"""The books of a night: every line that came in went somewhere, once."""

import json
import re
from typing import Any, Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from leapline.errors import BalanceError, InputError, NoEventsError

OTHER_DAY: Final = "other_day"
"""Reason of lines that another night counts."""

EXCLUDED: Final = ("bot", "duplicate", "internal", "no_consent", "no_session", "no_visitor")
"""Reasons why a sound line is left out."""

QUARANTINED: Final = ("clock_skew", "conflict", "endless", "event_id", "late", "nul_byte", "not_utf8", "personal_data",
                      "timestamp", "too_long", "width")  # fmt: skip
"""Reasons why a line is set aside for an operator to look at."""


def passed_by(other: Column) -> list[Column]:
    """For `observe` at the source: `lines`, and how many of them are `other`, which no further step sees."""
    return [F.count(F.lit(1)).alias("lines"), F.count(F.when(other, 1)).alias("other")]


def tally() -> list[Column]:
    """For `observe`: how many lines are left out, by reason."""
    return [F.count(F.when(F.col("reason") == r, 1)).alias(r) for r in (OTHER_DAY, *EXCLUDED)]


def stays() -> Column:
    """Whether a line is an event or goes into quarantine."""
    return F.col("reason").isNull() | ~F.col("reason").isin(OTHER_DAY, *EXCLUDED)


def count(kept: DataFrame) -> dict[str, int]:
    """Count what is kept, which makes Spark do all the work; `events`, `added`, `late_taken` and the reasons.

    Raises:
        InputError: a source file is cut short.
    """
    first, reason = F.col("nth") == 0, F.col("reason")
    grouped = kept.groupBy(F.coalesce(reason, F.lit("events")).alias("what")).agg(
        F.count("*").alias("rows"),
        F.count(F.when(first, 1)).alias("lines"),
        F.count(F.when(first & F.col("after_tail"), 1)).alias("late"),
    )
    rows = {row["what"]: row for row in _collect(grouped)}
    events = rows.pop("events", None)
    found = {reason: row["lines"] for reason, row in rows.items()}
    if events is None:
        return found | {"events": 0, "added": 0, "late_taken": 0}
    return found | {"events": events["rows"], "added": events["rows"] - events["lines"], "late_taken": events["late"]}


def _collect(frame: DataFrame) -> list[Any]:
    try:
        return frame.collect()
    except Exception as exc:
        text = str(exc)
        if match := re.search(r"reading file (?:file:/*)?(/\S+?)\.? ", text):
            cut = "EOF" in text or "Unexpected end" in text
            raise InputError(
                match[1],
                found="a file that is cut short" if cut else "a file that cannot be read to its end",
                expected="whole gzip or plain text",
                fix="Fetch the file again.",
            ) from exc
        raise


def balance(
    found: dict[str, int], landed: dict[str, int], scanned: dict[str, int], gathered: dict[str, int]
) -> dict[str, Any]:
    """The counts, from four independent places: at the source, before and between the shuffles, in what was kept."""
    gone = {reason: scanned[reason] + gathered[reason] for reason in (OTHER_DAY, *EXCLUDED)}
    set_aside = {reason: found.get(reason, 0) for reason in QUARANTINED}
    gone[OTHER_DAY] += landed["other"]
    ours = landed["lines"] - gone[OTHER_DAY]
    return {
        "lines": landed["lines"],
        "events": found["events"],
        "added": found["added"],
        "late_taken": found["late_taken"],
        "other_days": gone.pop(OTHER_DAY),
        "excluded": gone,
        "quarantined": set_aside,
        "quarantined_share": round(sum(set_aside.values()) / ours, 6) if ours else 0.0,
    }


def refuse_unbalanced(counts: dict[str, Any]) -> None:
    """Raise BalanceError unless every line went somewhere, once."""
    out = counts["events"] - counts["added"] + counts["other_days"]
    out += sum(counts["excluded"].values()) + sum(counts["quarantined"].values())
    if out != counts["lines"]:
        raise BalanceError(
            f"lines of {counts['day']}",
            found=f"{counts['lines']} in, {out} out ({json.dumps(counts)})",
            expected="every line to become an event or to be set aside once",
            fix="Run the step again.",
        )


def refuse_empty(counts: dict[str, Any]) -> None:
    """Raise NoEventsError, with where the lines went, if no event is left."""
    if counts["events"] == 0:
        gone = {"of other days": counts["other_days"], **counts["excluded"], **counts["quarantined"]}
        listed = ", ".join(f"{n} {why}" for why, n in gone.items() if n)
        raise NoEventsError(
            f"events of {counts['day']}",
            found=f"none among {counts['lines']} lines ({listed or 'empty files'})",
            expected="sessions that start on that day",
            fix="Check that the collector ran, or choose another date.",
        )
