"""Counts per file, and the rule for files that have lost their lines."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any, Final

from leapline.errors import BalanceError, InputError
from leapline.events.counts import Counts
from leapline.events.personal import contains_email
from leapline.events.reasons import EXCLUDED, OTHER_DAY, UNREADABLE
from leapline.sources.source import Slice

_MIN_LINES: Final = 20
"""A share of fewer lines is not compared with the other files'."""
_SHOWN: Final = 5


def recorded_names(slices: Sequence[Slice]) -> list[str]:
    """Return the names of files under which the lake counts their lines; e-mail addresses in them are withheld."""
    return [
        f"file {number} of the day, whose name has an e-mail address" if contains_email(item.name) else item.name
        for number, item in enumerate(slices, 1)
    ]


def recorded_text(text: str) -> str:
    """Return a text about entries of the source as the lake keeps it: without names that are e-mail addresses."""
    return "entries that were not understood, with an e-mail address in a name" if contains_email(text) else text


def counts_by_file(slices: Sequence[Slice], groups: Iterable[Any], counted: Counts) -> list[dict[str, Any]]:
    """Return what became of each file's lines.

    Args:
        slices: the files.
        groups: `Counts.groups`, and corrections of them.
        counted: where lines were read and dropped.

    Returns:
        One dict per file: `file, bytes, lines, other_days, events, excluded, quarantined, unreadable, undated`; `bytes`
        is the file's size, `events` does not count the additional rows of events about several products, and `undated`
        are the unreadable lines without a readable time of arrival, which count for the day of the file's name.
    """
    files: list[dict[str, Any]] = [
        {"file": name, "bytes": item.size, "lines": counted.lines[number], "other_days": counted.other_days[number],
         "events": 0, "excluded": 0, "quarantined": 0, "unreadable": 0, "undated": 0}
        for number, (name, item) in enumerate(zip(recorded_names(slices), slices, strict=True))
    ]  # fmt: skip
    for (number, reason), lines in counted.dropped.items():
        files[number]["other_days" if reason == OTHER_DAY else "excluded"] += lines
    for group in groups:
        file = files[group["slice"]]
        file[_fate(group["reason"])] += group["lines"]
        if group["reason"] in UNREADABLE and group["bytes"]:
            file["unreadable"] += group["lines"]
            file["undated"] += group["undated"]
    return files


def _fate(reason: str | None) -> str:
    if reason is None:
        return "events"
    return "excluded" if reason in EXCLUDED else "quarantined"


def require_balanced_files(day: str, files: Sequence[Mapping[str, Any]], lines: int) -> None:
    """Raise BalanceError unless the files' counts add up, each and together."""
    wrong = [f for f in files if f["lines"] != f["other_days"] + f["events"] + f["excluded"] + f["quarantined"]]
    total = sum(f["lines"] for f in files)
    if wrong or total != lines:
        raise BalanceError(
            f"lines of {day} per file",
            found=f"{total} lines in all files" if not wrong else f"different sums in {wrong[0]['file']}: {wrong[0]}",
            expected=f"{lines} lines, each counted once",
            fix="Run the step again.",
        )


def unusable_files(files: Sequence[Mapping[str, Any]], min_ratio: float) -> list[str]:
    """Return a description of each file without any readable line, or with far fewer of them than the other files.

    The share of a file's undated lines is that of all its lines: a file that landed on the day may hold almost only
    lines of the day before. The share of other unreadable lines is that of the lines of this day.

    Args:
        files: `counts_by_file`.
        min_ratio: a file's share of readable lines must reach this part of the median share of the other files.
    """
    shares = {f["file"]: _readable_share(f) for f in files if _lines_of_day(f)}
    compared = {f["file"] for f in files if _lines_of_day(f) >= _MIN_LINES}
    findings = []
    for file in files:
        name, share = file["file"], shares.get(file["file"])
        others = [shares[other] for other in compared if other != name]
        if share == 0:
            findings.append(f"{name}: none of {_lines_of_day(file)} lines is readable")
        elif share is not None and name in compared and others and share < min_ratio * median(others):
            findings.append(
                f"{name}: {share:.1%} of the lines are readable, the other files' median is {median(others):.1%}"
            )
    return findings


def require_usable_files(day: str, findings: Sequence[str]) -> None:
    """Raise InputError if there are findings of `unusable_files`."""
    if findings:
        more = f"; and {len(findings) - _SHOWN} more files" if len(findings) > _SHOWN else ""
        raise InputError(
            f"files of {day}",
            found="; ".join(findings[:_SHOWN]) + more,
            expected="lines of enriched events in every file",
            fix="Fetch these files again, or set LEAPLINE_UNUSABLE_FILES=warn to go on without their lines.",
        )


def _lines_of_day(file: Mapping[str, Any]) -> int:
    return int(file["lines"] - file["other_days"])


def _readable_share(file: Mapping[str, Any]) -> float:
    """Return the lower one of the shares of readable lines: among all lines, and among those dated on this day."""
    dated = _lines_of_day(file) - file["undated"]
    of_all = 1 - file["undated"] / file["lines"]
    of_dated = 1 - (file["unreadable"] - file["undated"]) / dated if dated else 1.0
    return float(min(of_all, of_dated))
