"""Reconciliation of a day's counts: every line that was read ends in exactly one place."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from leapline.errors import BalanceError, InputError, NoEventsError
from leapline.events.file_counts import per_slice
from leapline.events.reasons import EXCLUDED, OTHER_DAY, QUARANTINED, is_kept
from leapline.snowplow.enriched import FIELDS

_DEFAULT_FIX: Final = "Check that the collector ran, or choose another date."
_BY_MAPPING: Final = "Correct the event mapping (LEAPLINE_EVENT_MAPPING): its field `{}` excludes all events."
_FIXES: Final = {
    "no_consent": "Set LEAPLINE_CONSENT_REQUIRED=false if the events need no consent, or name the site's consent "
    "entity in the event mapping (LEAPLINE_EVENT_MAPPING, field `consent`).",
    "no_session": _BY_MAPPING.format("session"),
    "no_visitor": _BY_MAPPING.format("visitor"),
    "bot": _BY_MAPPING.format("bot"),
    "internal": _BY_MAPPING.format("internal"),
    "width": "If these are lines of Snowplow's enriched format from another version, set LEAPLINE_ACCEPTED_WIDTHS to "
    "their numbers of columns, such as 128-135; otherwise check the source.",
    "of other days": "Check the time zone of the files' names, or choose another date.",
}
"""The fix for a day without usable events, by the most frequent reason."""


def source_counters(slices: int, other: Column, size: Column) -> list[Column]:
    """Return counters for `observe` at the source: lines, bytes, and the lines of other days that are dropped there.

    Args:
        slices: the number of slices.
        other: whether a line belongs to another day.
        size: the bytes of a line.
    """
    return [
        F.count(F.lit(1)).alias("lines"),
        F.sum(size).alias("bytes"),
        F.count(F.when(other, 1)).alias("other"),
        per_slice(slices, other.cast("int")),
    ]


def reason_counters(slices: int) -> list[Column]:
    """Return counters for `observe`: one per reason for which a line is dropped, and the dropped lines per slice."""
    by_reason = [F.count(F.when(F.col("reason") == r, 1)).alias(r) for r in (OTHER_DAY, *EXCLUDED)]
    return [*by_reason, per_slice(slices, F.when(~is_kept(), (F.col("reason") == OTHER_DAY).cast("int")))]


def group_kept(kept: DataFrame) -> list[Any]:
    """Count the kept rows by slice, reason, number of columns and currency, which makes Spark do all the work.

    Returns:
        Rows of `slice`, `reason` (null for events), `width` (null for lines of the usual width), `currency`,
        `rows`, `lines`, `bytes` (of the lines), `late` (lines that arrived after the look-ahead), `priced` (lines
        with a price) and `undated` (lines without a readable time of arrival).

    Raises:
        InputError: a source file is truncated.
    """
    first = F.col("nth") == 0
    grouped = kept.groupBy("slice", "reason", "width", "currency").agg(
        F.count("*").alias("rows"),
        F.count(F.when(first, 1)).alias("lines"),
        F.sum(F.when(first, F.col("line_bytes").cast("long"))).alias("bytes"),
        F.count(F.when(first & F.col("after_tail"), 1)).alias("late"),
        F.count(F.when(first & F.col("price").isNotNull(), 1)).alias("priced"),
        F.count(F.when(first & F.col("collector_ts").isNull(), 1)).alias("undated"),
    )
    return _collect(grouped)


def kept_totals(groups: Iterable[Any]) -> dict[str, Any]:
    """Return the totals of `group_kept`: `events`, `added`, `late_taken`, `quarantined_bytes`, `widths` (number of
    columns to lines, for lines of another width), `currencies` (currency to events with a price), and the lines per
    quarantine reason."""
    totals: dict[str, Any] = {
        "events": 0, "added": 0, "late_taken": 0, "quarantined_bytes": 0, "widths": {}, "currencies": {}
    }  # fmt: skip
    for group in groups:
        if group["width"] is not None:
            width = str(group["width"])
            totals["widths"][width] = totals["widths"].get(width, 0) + group["lines"]
        if group["reason"] is None:
            totals["events"] += group["rows"]
            totals["added"] += group["rows"] - group["lines"]
            totals["late_taken"] += group["late"]
            if group["currency"] and group["priced"]:
                currencies = totals["currencies"]
                currencies[group["currency"]] = currencies.get(group["currency"], 0) + group["priced"]
        else:
            totals[group["reason"]] = totals.get(group["reason"], 0) + group["lines"]
            totals["quarantined_bytes"] += group["bytes"] if group["reason"] in QUARANTINED else 0
    return totals | {"widths": dict(sorted(totals["widths"].items(), key=lambda item: int(item[0])))}


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
    kept: Mapping[str, Any], source: Mapping[str, Any], scanned: Mapping[str, Any], gathered: Mapping[str, Any]
) -> dict[str, Any]:
    """Combine the counters of four independent places.

    Args:
        kept: `kept_totals` of the result.
        source: `source_counters` where the lines are read.
        scanned: `reason_counters` before the shuffles.
        gathered: `reason_counters` after the shuffles.
    """
    dropped = {r: scanned[r] + gathered[r] + kept.get(r, 0) for r in (OTHER_DAY, *EXCLUDED)}
    quarantined = {reason: kept.get(reason, 0) for reason in QUARANTINED}
    dropped[OTHER_DAY] += source["other"]
    of_the_day = source["lines"] - dropped[OTHER_DAY]
    return {
        "lines": source["lines"],
        "bytes": source["bytes"] or 0,
        "events": kept["events"],
        "added": kept["added"],
        "late_taken": kept["late_taken"],
        "other_days": dropped.pop(OTHER_DAY),
        "excluded": dropped,
        "quarantined": quarantined,
        "quarantined_bytes": kept["quarantined_bytes"],
        "widths": kept["widths"],
        "currencies": dict(sorted(kept["currencies"].items())),
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


def require_events(counts: dict[str, Any], ignored: str = "") -> None:
    """Raise NoEventsError, with the reasons, if no event is left.

    Args:
        counts: `balance`.
        ignored: the entries of the source that were not understood, as text.
    """
    if counts["events"] == 0:
        dropped = {"of other days": counts["other_days"], **counts["excluded"], **counts["quarantined"]}
        listed = ", ".join(f"{n} {reason}" for reason, n in dropped.items() if n)
        widths = ", ".join(f"{n} with {width} columns" for width, n in counts["widths"].items())
        details = "; ".join(filter(None, (listed or "empty files", widths, ignored)))
        raise NoEventsError(
            f"events of {counts['day']}",
            found=f"none among {counts['lines']} lines ({details})",
            expected=f"sessions that start on that day, in lines of {len(FIELDS)} columns",
            fix=_FIXES.get(max(dropped, key=lambda reason: dropped[reason]) if listed else "", _DEFAULT_FIX),
        )
