"""What clean events are, alike for the step that makes them and the check that judges them."""

from typing import Final, Literal, get_args

SCHEMA: Final[dict[str, str]] = {
    "event_id": "string", "session": "string", "visitor": "string", "ts": "timestamp", "collector_ts": "timestamp",
    "kind": "string", "page": "string", "item": "string", "category": "string", "price": "double", "quantity": "int",
    "device": "string", "referrer": "string", "session_index": "int",
}  # fmt: skip
"""The columns and their types: all that leaves the source. Anything more could be personal, and fails the night."""

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
    """Spark SQL: whether a text holds an e-mail address or an IP address of either version.

    Args:
        text: an expression of a string; the answer is null where it is.
    """
    # A look for the one letter first: expressions take longer than all the rest.
    email = f"contains({text}, '@') AND {text} RLIKE r'{_EMAIL}'"
    address = f"(contains({text}, '.') OR contains({text}, ':')) AND {text} RLIKE r'{_ADDRESS}'"
    return f"({email} OR {address})"
