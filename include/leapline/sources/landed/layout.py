"""When an entry of a landing folder landed, from its path. Also for buckets, whose keys have the same form.

Layouts, which may be mixed:

    run=YYYY-MM-DD-HH-MM-SS/<file>                        Snowplow's batch era
    yyyy-MM-dd-HHmmss-<anything>, yyyy-MM-dd-<anything>   the S3 loader, with and without a time
    date=yyyy-MM-dd/<file>, dt=, ds=, day=, yyyy-MM-dd/   folders of a day, also with /HH or /hour=HH
    yyyy/mm/dd/<file>, yyyy/mm/dd/HH/<file>, year=/month=/day=[/hour=]/<file>
    a pattern of the site's own                           LEAPLINE_LANDING_PATTERN
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

EXPECTED: Final = (
    "Snowplow's enriched events, as run=YYYY-MM-DD-HH-MM-SS/part-*, yyyy-MM-dd[-HHmmss]-*, date=yyyy-MM-dd/*, "
    "yyyy/mm/dd/* or LEAPLINE_LANDING_PATTERN"
)
_MARKER_ENDINGS: Final = ("$folder$", ".crc", ".tmp", ".inprogress")
_MARKER_NAMES: Final = frozenset({"shredding_complete.json", "loading_complete.json"})

_Y, _M, _D = r"(?P<yyyy>\d{4})", r"(?P<MM>\d\d)", r"(?P<dd>\d\d)"
_DATE: Final = f"{_Y}-{_M}-{_D}"
_HOUR: Final = r"(?:/(?:(?:hour|hr|h)=)?(?P<HH>\d\d?))?"
_FOLDERS: Final = tuple(
    re.compile(form)
    for form in (
        rf"run={_DATE}-(?P<HH>\d\d)-(?P<mm>\d\d)-(?P<ss>\d\d)",
        rf"(?:(?:date|dt|ds|day)=)?{_DATE}{_HOUR}",
        rf"{_Y}/{_M}/{_D}{_HOUR}",
        rf"year={_Y}/month=(?P<MM>\d\d?)/day=(?P<dd>\d\d?){_HOUR}",
    )
)
_PARTIAL: Final = tuple(
    re.compile(form) for form in (_Y, rf"{_Y}/{_M}", rf"year={_Y}", rf"year={_Y}/month=(?P<MM>\d\d?)")
)
_FILES: Final = (
    re.compile(rf"{_DATE}-(?P<HH>\d\d)(?P<mm>\d\d)(?P<ss>\d\d)(?:[-._].*)?"),
    re.compile(rf"{_DATE}(?:[-._T].*)?"),
)
_TOKENS: Final = {"yyyy": r"\d{4}", "MM": r"\d\d", "dd": r"\d\d", "HH": r"\d\d", "mm": r"\d\d", "ss": r"\d\d"}


class ImpossibleDateError(ValueError):
    """A path whose digits form no date, such as 30 February."""


@dataclass(frozen=True)
class Span:
    """The time in which an entry landed, UTC; `until` equals `start` where its name has the exact time."""

    start: datetime
    until: datetime

    def including(self, other: "Span") -> "Span":
        """Return the smallest span that contains both."""
        return Span(min(self.start, other.start), max(self.until, other.until))


def is_marker(path: str) -> bool:
    """Return whether an entry is a marker, hidden, or still being written, and therefore has no events.

    Args:
        path: relative to the landing folder, with forward slashes.
    """
    parts = path.split("/")
    return any(part[:1] in "._" for part in parts) or parts[-1].endswith(_MARKER_ENDINGS) or parts[-1] in _MARKER_NAMES


def landing_span(path: str, pattern: "SitePattern | None" = None) -> Span | None:
    """Return the time in which a file landed; None if no layout matches its path.

    Args:
        path: relative to the landing folder, with forward slashes.
        pattern: the site's own pattern, from `compile_pattern`; it is tried first.

    Raises:
        ImpossibleDateError: a layout matches, but its digits are no date.
    """
    if pattern and (match := pattern.path.fullmatch(path)):
        return _span(match)
    folder, _, name = path.rpartition("/")
    of_file = _first_match(_FILES, name)
    if not folder:
        return of_file and _span(of_file)
    of_folder = _first_match(_FOLDERS, folder)
    if not of_folder:
        return None
    outer = _span(of_folder)
    if not of_file or outer.start == outer.until:
        return outer
    inner = _span(of_file)
    return inner if outer.start <= inner.start and inner.until <= outer.until else outer.including(inner)


@dataclass(frozen=True)
class Prefix:
    """What the path of a folder says about the entries below it.

    Attributes:
        span: the time in which they landed; None if the path does not say yet.
        is_complete: whether the whole date is in the path, so that all files below landed in that time.
    """

    span: Span | None
    is_complete: bool


def read_prefix(path: str, pattern: "SitePattern | None" = None) -> Prefix | None:
    """Return what a folder's path says; None if no file below it can match a layout.

    Args:
        path: relative to the landing folder, with forward slashes and without a final one.
        pattern: the site's own pattern, from `compile_pattern`.
    """
    try:
        if pattern and (match := pattern.prefix(path)):
            return Prefix(_period(match), is_complete=False)
        if match := _first_match(_FOLDERS, path):
            return Prefix(_span(match), is_complete=True)
        match = _first_match(_PARTIAL, path)
        return Prefix(_period(match), is_complete=False) if match else None
    except ImpossibleDateError:
        return None


def level_too_high(path: str, pattern: "SitePattern | None" = None) -> str | None:
    """Return the subfolder in which the rest of a path matches a layout, or None."""
    parts = path.split("/")
    for depth in range(1, len(parts)):
        try:
            matches = landing_span("/".join(parts[depth:]), pattern) is not None
        except ImpossibleDateError:
            matches = True
        if matches:
            return "/".join(parts[:depth])
    return None


@dataclass(frozen=True)
class SitePattern:
    """A site's own layout.

    Attributes:
        path: matches the path of a file.
        prefixes: match the path of a folder on the way to a file: one per depth, up to a `**`, below which everything
            is possible.
        is_open: whether the pattern contains `**`.
    """

    path: re.Pattern[str]
    prefixes: tuple[re.Pattern[str], ...]
    is_open: bool

    def prefix(self, folder: str) -> re.Match[str] | None:
        """Return the match of a folder that may contain files of this layout."""
        depth = folder.count("/")
        if depth < len(self.prefixes):
            return self.prefixes[depth].fullmatch(folder)
        return re.match("", folder) if self.is_open else None


def compile_pattern(text: str) -> SitePattern:
    """Compile a site's pattern: `{yyyy} {MM} {dd} {HH} {mm} {ss}`, `*` within one folder name, `**` across folders.

    Raises:
        ValueError: a token is unknown or repeated, or the date is incomplete.
    """
    form = _pattern_form(text)
    if any(f"(?P<{token}>" not in form for token in ("yyyy", "MM", "dd")):
        raise ValueError("a landing pattern needs {yyyy}, {MM} and {dd}")
    parts = text.split("/")
    fixed = next((depth for depth, part in enumerate(parts) if "**" in part), len(parts) - 1)
    prefixes = tuple(re.compile(_pattern_form("/".join(parts[: depth + 1]))) for depth in range(fixed))
    return SitePattern(re.compile(form), prefixes, "**" in text)


def _pattern_form(text: str) -> str:
    form = ""
    for piece in re.split(r"(\{\w+\}|\*\*|\*)", text):
        token = piece[1:-1]
        if piece.startswith("{"):
            if token not in _TOKENS or f"(?P<{token}>" in form:
                raise ValueError(
                    f"{piece} is unknown or repeated; use {{yyyy}} {{MM}} {{dd}} {{HH}} {{mm}} {{ss}} once"
                )
            form += f"(?P<{token}>{_TOKENS[token]})"
        else:
            form += {"*": "[^/]*", "**": ".*"}.get(piece, re.escape(piece))
    return form


def _first_match(forms: Sequence[re.Pattern[str]], text: str) -> re.Match[str] | None:
    return next((match for form in forms if (match := form.fullmatch(text))), None)


def _period(match: re.Match[str]) -> Span | None:
    """Return the year, month or day that the path of a folder names; None if it names none."""
    parts = {name: int(value) for name, value in match.groupdict().items() if value is not None}
    if "yyyy" not in parts:
        return None
    if {"MM", "dd"} <= parts.keys():
        return _span(match)
    if "MM" not in parts:
        return Span(_midnight(parts["yyyy"], 1), _midnight(parts["yyyy"] + 1, 1) - timedelta(microseconds=1))
    following = _midnight(parts["yyyy"] + parts["MM"] // 12, parts["MM"] % 12 + 1)
    return Span(_midnight(parts["yyyy"], parts["MM"]), following - timedelta(microseconds=1))


def _midnight(year: int, month: int) -> datetime:
    try:
        return datetime(year, month, 1, tzinfo=UTC)
    except ValueError as exc:
        raise ImpossibleDateError(str(exc)) from exc


def _span(match: re.Match[str]) -> Span:
    parts = {name: int(value) for name, value in match.groupdict().items() if value is not None}
    try:
        start = datetime(
            parts["yyyy"],
            parts["MM"],
            parts["dd"],
            parts.get("HH", 0),
            parts.get("mm", 0),
            parts.get("ss", 0),
            tzinfo=UTC,
        )
    except ValueError as exc:
        raise ImpossibleDateError(str(exc)) from exc
    if "mm" in parts:
        return Span(start, start)
    return Span(start, start + (timedelta(hours=1) if "HH" in parts else timedelta(days=1)) - timedelta(microseconds=1))
