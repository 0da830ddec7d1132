"""The options of the program `cleaner`: the day, the limits, the site's mapping and the patterns of personal data."""

import base64
import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from leapline.events import mapping as event_mapping
from leapline.events import personal, personal_numbers, plain_text
from leapline.events.schema import KINDS
from leapline.snowplow.enriched import FIELDS
from leapline.sources.source import DayWindow

if TYPE_CHECKING:
    from leapline.events.clean import CleanOptions

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
BROKEN_CLOCK: Final = timedelta(days=31)
"""An event older than this on arrival has a wrong clock; no setting accepts it as merely late."""
MAX_SESSION: Final = timedelta(hours=24)
"""Maximum duration of a session; a longer one is not a single visit."""


def cleaner_options(
    options: "CleanOptions", window: DayWindow, erased: Collection[str], buckets: int
) -> dict[str, Any]:
    """Return the options of all stages, as values of JSON.

    Args:
        options: of cleaning.
        window: the day and its margins.
        erased: pseudonyms of visitors whose events must not be kept, hexadecimal.
        buckets: the number of parts in which rows are exchanged between two stages.
    """
    return {
        "from": _micros(window.start - window.lookback),
        "start": _micros(window.start),
        "rest": _micros(window.start + window.lookahead),
        "end": _micros(window.end),
        "until": _micros(window.end + window.lookahead),
        "skew": _span(options.skew),
        "broken_clock": _span(BROKEN_CLOCK),
        "grace": _span(window.grace),
        "max_session": _span(MAX_SESSION),
        "max_session_events": options.max_session_events,
        "widths": [options.widths[0], options.widths[-1]],
        "consent_required": options.consent_required,
        "detect_numbers": options.detect_numbers,
        "max_price": options.max_price,
        "max_quantity": options.max_quantity,
        "key": _base64(options.key),
        "former_key": _base64(options.former_key),
        "erased": [_base64(bytes.fromhex(name)) for name in sorted(erased)],
        "buckets": buckets,
        "columns": FIELDS,
        "kinds": KINDS,
        "mapping": _mapping(options.mapping),
        "patterns": _patterns(),
    }


def encoded(options: Mapping[str, Any]) -> bytes:
    """Return options as the program reads them."""
    return json.dumps(options).encode()


def placed_key(event_id: str, line_hash: str) -> str:
    """Return the key of an order's line among those that are assigned to a session."""
    return f"{event_id} {line_hash}"


def _micros(at: datetime) -> int:
    return _span(at - _EPOCH)


def _span(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _mapping(mapping: event_mapping.Mapping) -> dict[str, Any]:
    """Return a mapping in one of the forms in which it can be written: ids as alternatives of lists, tests as lists."""
    values: dict[str, Any] = mapping.model_dump(mode="json", by_alias=True, exclude_none=True)
    for name in ("session", "visitor"):
        parts = event_mapping.alternatives(getattr(mapping, name))
        values[name] = [[s if isinstance(s, str) else s.model_dump() for s in part] for part in parts]
    for name in ("consent", "bot"):
        tests = getattr(mapping, name)
        values[name] = [test.model_dump() for test in (tests if isinstance(tests, tuple) else (tests,))]
    return values


def _patterns() -> dict[str, Any]:
    return plain_text.patterns() | personal.patterns() | personal_numbers.patterns()
