"""Reconciliation of a day's counts: every line that was read ends in exactly one place."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from leapline.errors import BalanceError, NoEventsError
from leapline.events.counts import Counts
from leapline.events.reasons import EXCLUDED, OTHER_DAY, QUARANTINED
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


def kept_totals(groups: Iterable[Any]) -> dict[str, Any]:
    """Return the totals of `Counts.groups`: `events`, `added`, `late_taken`, `quarantined_bytes`, `widths` (number of
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


def balance(kept: Mapping[str, Any], counted: Counts) -> dict[str, Any]:
    """Combine the counts of independent places: where lines are read, where they are dropped, and the result.

    Args:
        kept: `kept_totals` of the result.
        counted: the counts of all tasks.
    """
    reasons, lines = counted.by_reason(), counted.lines.total()
    dropped = {reason: reasons[reason] + kept.get(reason, 0) for reason in (OTHER_DAY, *EXCLUDED)}
    quarantined = {reason: kept.get(reason, 0) for reason in QUARANTINED}
    of_the_day = lines - dropped[OTHER_DAY]
    return {
        "lines": lines,
        "bytes": counted.bytes.total(),
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
