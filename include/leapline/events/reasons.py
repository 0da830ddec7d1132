"""The reasons why a line is not an event of the day."""

from typing import Final

OTHER_DAY: Final = "other_day"
"""The run of another day counts the line."""

EXCLUDED: Final = (
    "bot", "duplicate", "erased", "internal", "no_consent", "no_session", "no_visitor", "refund", "repeated_order"
)  # fmt: skip
"""A sound line is left out."""

QUARANTINED: Final = (
    "amount", "clock_skew", "conflict", "endless", "event_id", "late", "nul_byte", "not_utf8", "personal_data",
    "timestamp", "too_long", "width",
)  # fmt: skip
"""A line is quarantined for an operator to look at."""

UNREADABLE: Final = ("event_id", "nul_byte", "not_utf8", "timestamp", "too_long", "width")
"""Those reasons for quarantine that mean that a line is not an enriched event at all."""

WITHOUT_SESSION: Final = "visitor_without_session"
"""A temporary reason: the event is `no_session`, unless it is an order that falls into a session of its visitor."""
