"""The public schema of clean events, shared by the step that writes them and the check that validates them.

Columns:
    event_id: the tracker's id; rows of further products of one event are numbered `<id>:1`, `<id>:2`, ...
    session, visitor: HMAC-SHA-256 pseudonyms, 64 hexadecimal digits.
    ts: the event's time by the device's corrected clock; collector_ts: its arrival. Both UTC.
    kind: one of `KINDS`.
    page: the kind of page, for page views and item views.
    item, category, price, quantity: the product; for a purchase `price` is the order's amount.
    device, referrer: the kind of device and of referring site.
    session_index: the number of the visitor's session.
"""

from typing import Final, Literal, get_args

SCHEMA: Final[dict[str, str]] = {
    "event_id": "string", "session": "string", "visitor": "string", "ts": "timestamp", "collector_ts": "timestamp",
    "kind": "string", "page": "string", "item": "string", "category": "string", "price": "double", "quantity": "int",
    "device": "string", "referrer": "string", "session_index": "int",
}  # fmt: skip
"""Column to type: nothing else leaves the source. A further column could be personal, so the data check rejects it."""

Kind = Literal[
    "page_view",
    "page_ping",
    "item_view",
    "cart_add",
    "cart_remove",
    "search",
    "checkout",
    "purchase",
    "purchase_item",
    "other",
]
KINDS: Final[tuple[str, ...]] = get_args(Kind)

_EMAIL: Final = r"[\w.+-]+@[\w-]+\.\w"
_ADDRESS: Final = r"(^|[^\d.])(\d{1,3}\.){3}\d{1,3}([^\d.]|$)|([0-9a-fA-F]{1,4}:){4,}"


def looks_personal(text: str) -> str:
    """Return Spark SQL: whether a text contains an e-mail address or an IP address of either version.

    Args:
        text: a string expression; the result is null where it is null.
    """
    # Regular expressions are the slowest part of the cleaning, so a search for one letter comes first.
    email = f"contains({text}, '@') AND {text} RLIKE r'{_EMAIL}'"
    address = f"(contains({text}, '.') OR contains({text}, ':')) AND {text} RLIKE r'{_ADDRESS}'"
    return f"({email} OR {address})"
