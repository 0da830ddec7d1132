"""The public schema of clean events, shared by the step that writes them and the check that validates them.

Columns:
    event_id: the event's number in its session, `0000001` for the first; numbers as texts sort like the numbers.
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
