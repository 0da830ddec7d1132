"""Self-describing JSON as Snowplow's trackers write it, with the schemas used by the generator and the importers."""

import json
from functools import lru_cache
from typing import Any, Final

_SNOWPLOW: Final = "iglu:com.snowplowanalytics.snowplow"
CONSENT: Final = f"{_SNOWPLOW}/gdpr/jsonschema/1-0-0"
WEB_PAGE: Final = f"{_SNOWPLOW}/web_page/jsonschema/1-0-0"
SITE_SEARCH: Final = f"{_SNOWPLOW}/site_search/jsonschema/1-0-0"
ACTION: Final = f"{_SNOWPLOW}.ecommerce/snowplow_ecommerce_action/jsonschema/1-0-2"
PRODUCT: Final = f"{_SNOWPLOW}.ecommerce/product/jsonschema/1-0-0"
CART: Final = f"{_SNOWPLOW}.ecommerce/cart/jsonschema/1-0-0"
CHECKOUT_STEP: Final = f"{_SNOWPLOW}.ecommerce/checkout_step/jsonschema/1-0-0"
USER: Final = f"{_SNOWPLOW}.ecommerce/user/jsonschema/1-0-0"

CONTEXTS_OPEN: Final = f'{{"schema":"{_SNOWPLOW}/contexts/jsonschema/1-0-0","data":['
CONTEXTS_CLOSE: Final = "]}"

EVENT_COLUMNS: Final[dict[str, tuple[str, str, str, str, str]]] = {
    "page_view": ("page_view", "com.snowplowanalytics.snowplow", "page_view", "jsonschema", "1-0-0"),
    "page_ping": ("page_ping", "com.snowplowanalytics.snowplow", "page_ping", "jsonschema", "1-0-0"),
    "transaction": ("transaction", "com.snowplowanalytics.snowplow", "transaction", "jsonschema", "1-0-0"),
    "transaction_item": (
        "transaction_item",
        "com.snowplowanalytics.snowplow",
        "transaction_item",
        "jsonschema",
        "1-0-0",
    ),
    "struct": ("struct", "com.google.analytics", "event", "jsonschema", "1-0-0"),
    "site_search": ("unstruct", "com.snowplowanalytics.snowplow", "site_search", "jsonschema", "1-0-0"),
    "action": (
        "unstruct",
        "com.snowplowanalytics.snowplow.ecommerce",
        "snowplow_ecommerce_action",
        "jsonschema",
        "1-0-2",
    ),
}
"""Tracker method -> `event`, `event_vendor`, `event_name`, `event_format`, `event_version`."""


def entity(schema: str, **data: Any) -> str:
    """Return a self-describing JSON object on one line, without spaces; keys with None are left out."""
    kept = {key: value for key, value in data.items() if value is not None}
    return json.dumps({"schema": schema, "data": kept}, separators=(",", ":"), ensure_ascii=False)


def unstruct(schema: str, **data: Any) -> str:
    """Return the `unstruct_event` column of a self-describing event."""
    return f'{{"schema":"{_SNOWPLOW}/unstruct_event/jsonschema/1-0-0","data":{entity(schema, **data)}}}'


def contexts(*entities: str) -> str:
    """Return the `contexts` column with these entities; empty without any."""
    return CONTEXTS_OPEN + ",".join(entities) + CONTEXTS_CLOSE if entities else ""


def consent_given() -> str:
    """Return a GDPR context that states processing on the basis of consent."""
    return entity(CONSENT, basisForProcessing="consent", documentId="consent-banner", documentVersion="2.0")


@lru_cache
def action(kind: str) -> str:
    """Return the `unstruct_event` of an e-commerce action: `product_view`, `add_to_cart`, `remove_from_cart`, ..."""
    return unstruct(ACTION, type=kind)


@lru_cache(maxsize=100_000)
def product(
    sku: str,
    category: str,
    cents: int | None,
    currency: str,
    name: str | None = None,
    quantity: int | None = None,
    brand: str | None = None,
) -> str:
    """Return a product entity; the price is in cents, None if it is unknown."""
    price = None if cents is None else cents / 100
    return entity(
        PRODUCT, id=sku, name=name, category=category, price=price, quantity=quantity, brand=brand, currency=currency
    )
