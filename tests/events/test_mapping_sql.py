"""All supported event formats map to the same kinds: one session that uses them all, and a site's own mapping."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from leapline.events.clean import CleanOptions, cleaned_day
from leapline.events.mapping import DEFAULT, load
from leapline.sources.landed.landing import LandingFolder
from tests.events.lines import CONSENT, DAY, KEY, at, contexts, land, line, product, self_describing

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ECOMMERCE = "com.snowplowanalytics.snowplow.ecommerce"
GOOGLE = "com.google.analytics.enhanced-ecommerce"


def action(kind: str, *entities: dict[str, Any]) -> dict[str, str]:
    """Snowplow's e-commerce plugin."""
    event = self_describing(f"{ECOMMERCE}/snowplow_ecommerce_action", {"type": kind, "name": None})
    return event | {"contexts": contexts(CONSENT, *entities)}


def thing(item: str, price: Any, **more: Any) -> dict[str, Any]:
    return product(f"{ECOMMERCE}/product", id=item, category="Hats", price=price, currency="EUR", **more)


def google(kind: str, *entities: dict[str, Any]) -> dict[str, str]:
    """Google's enhanced e-commerce, as Snowplow's tracker sends it."""
    return self_describing(f"{GOOGLE}/action", {"action": kind}) | {"contexts": contexts(CONSENT, *entities)}


def field(item: str, price: float, **more: Any) -> dict[str, Any]:
    return product(f"{GOOGLE}/productFieldObject", id=item, category="Shoes", price=price, **more)


def standard(name: str, **data: Any) -> dict[str, str]:
    return self_describing(f"com.snowplowanalytics.snowplow/{name}", data)


def struct(category: str, verb: str, **fields: str) -> dict[str, str]:
    google_names = {"event_vendor": "com.google.analytics", "event_name": "event"}
    return {"event": "struct", "se_category": category, "se_action": verb} | google_names | fields


def page(path: str) -> dict[str, str]:
    return {"page_urlpath": path}


# The columns that are sent, and the resulting rows: kind, page, item, category, price, quantity.
CASES: list[tuple[dict[str, str], list[tuple[Any, ...]]]] = [
    (page("/"), [("page_view", "home", None, None, None, None)]),
    (page(""), [("page_view", "home", None, None, None, None)]),
    (page("/c/hats"), [("page_view", "category", None, None, None, None)]),
    (page("/products/red-hat"), [("page_view", "item", None, None, None, None)]),
    (page("/Search"), [("page_view", "search", None, None, None, None)]),
    (page("/cart"), [("page_view", "cart", None, None, None, None)]),
    (page("/checkout/payment"), [("page_view", "checkout", None, None, None, None)]),
    (page("/checkout/thanks"), [("page_view", "thanks", None, None, None, None)]),
    (page("/order-complete"), [("page_view", "thanks", None, None, None, None)]),
    (page("/thanksgiving-recipes"), [("page_view", "other", None, None, None, None)]),
    ({"event": "page_ping", "event_name": ""}, [("page_ping", None, None, None, None, None)]),
    (
        {"event": "transaction", "tr_orderid": "o1", "tr_total": "8000"},
        [("purchase", None, None, None, 8000.0, None)],
    ),
    (
        {"event": "transaction_item", "ti_sku": "1002", "ti_category": "Shoes", "ti_price": "40.5", "ti_quantity": "2"},
        [("purchase_item", None, "1002", "Shoes", 40.5, 2)],
    ),
    (action("product_view", thing("1236", "12.0")), [("item_view", "item", "1236", "Hats", 12.0, None)]),
    (action("product_view"), [("item_view", "item", None, None, None, None)]),
    (action("list_view", thing("1", 1), thing("2", 2)), [("other", None, None, None, None, None)]),
    (
        action("add_to_cart", thing("1236", 12, quantity=3), thing("1237", 13.2)),
        [("cart_add", None, "1236", "Hats", 12.0, 3), ("cart_add", None, "1237", "Hats", 13.2, None)],
    ),
    (action("remove_from_cart", thing("1236", 12)), [("cart_remove", None, "1236", "Hats", 12.0, None)]),
    (action("checkout_step"), [("checkout", None, None, None, None, None)]),
    (
        action(
            "transaction", product(f"{ECOMMERCE}/transaction", revenue=26.2), thing("1236", 12), thing("1237", 13.2)
        ),
        [
            ("purchase", None, None, None, 26.2, None),
            ("purchase_item", None, "1236", "Hats", 12.0, None),
            ("purchase_item", None, "1237", "Hats", 13.2, None),
        ],
    ),
    (action("refund", thing("1236", 12)), [("other", None, None, None, None, None)]),
    (google("detail", field("P1", 29.2)), [("item_view", "item", "P1", "Shoes", 29.2, None)]),
    (google("add", field("P1", 29.2, quantity=1)), [("cart_add", None, "P1", "Shoes", 29.2, 1)]),
    (google("remove", field("P1", 29.2)), [("cart_remove", None, "P1", "Shoes", 29.2, None)]),
    (google("checkout_option"), [("checkout", None, None, None, None, None)]),
    (
        google("purchase", product(f"{GOOGLE}/actionFieldObject", id="T1", revenue="37.39"), field("P1", 29.2)),
        [("purchase", None, None, None, 37.39, None), ("purchase_item", None, "P1", "Shoes", 29.2, None)],
    ),
    (google("click", field("P1", 1)), [("other", None, None, None, None, None)]),
    (
        standard("add_to_cart", sku="S1", category="Pans", unitPrice=4.99, quantity=2),
        [("cart_add", None, "S1", "Pans", 4.99, 2)],
    ),
    (standard("remove_from_cart", sku="S1", quantity=1), [("cart_remove", None, "S1", None, None, 1)]),
    (standard("site_search", terms=["red", "hat"]), [("search", None, None, None, None, None)]),
    (standard("link_click", targetUrl="https://shop.example"), [("other", None, None, None, None, None)]),
    (
        struct("ecomm", "add-to-basket", se_label="ASO01043", se_property="blue:xxl", se_value="2.0"),
        [("cart_add", None, "ASO01043", None, None, 2)],
    ),
    (struct("Checkout", "Add", se_label="ASO01043"), [("cart_add", None, "ASO01043", None, None, None)]),
    (struct("ecommerce", "remove_from_cart"), [("cart_remove", None, None, None, None, None)]),
    (struct("Mixes", "Play", se_label="MRC/fabric-0503-mix"), [("other", None, None, None, None, None)]),
    (
        {"event": "transaction_item", "ti_sku": " ", "ti_price": "free", "ti_quantity": "99999999999"},
        [("purchase_item", None, None, None, None, None)],
    ),
    (
        {"event": "transaction_item", "ti_sku": "x" * 300, "ti_price": "NaN"},
        [("purchase_item", None, "x" * 200, None, None, None)],
    ),
]


def cleaned(spark: "SparkSession", landing: Path, sent: list[dict[str, str]], **options: Any) -> list[tuple[Any, ...]]:
    """Clean one session of events; return its rows in order."""
    land(landing, [line(f"{n}", at(10 + n / 3600), "s1", None, **fields) for n, fields in enumerate(sent)])
    columns = ("kind", "page", "item", "category", "price", "quantity")
    with cleaned_day(spark, LandingFolder(landing), DAY.date(), CleanOptions(KEY, partitions=1, **options)) as day:
        assert day.counts["added"] == day.counts["events"] - len(sent)
        return [tuple(row) for row in day.events.orderBy("ts", "event_id").select(*columns).collect()]


@pytest.mark.spark
def test_maps_every_supported_event_format(spark: "SparkSession", tmp_path: Path) -> None:
    mapped = cleaned(spark, tmp_path, [fields for fields, _ in CASES])
    assert mapped == [row for _, rows in CASES for row in rows]


@pytest.mark.spark
def test_site_mapping_replaces_the_shipped_one(spark: "SparkSession", tmp_path: Path) -> None:
    """Item views from page views by path, sessions by visitor and number, an event of the site, no e-commerce."""
    mapping = json.loads(DEFAULT.read_text())
    viewed = {
        "name": "item page",
        "when": [{"source": "event", "is": ["page_view"]}, {"source": "page_urlpath", "is": {"pattern": "^/artikel/"}}],
        "kind": "item_view",
        "page": "item",
        "item": {"column": "page_urlpath", "pattern": r"^/artikel/([\w-]+)"},
    }
    sold = {
        "name": "own order",
        "when": [{"source": "event_name", "is": ["sold"]}],
        "kind": "purchase",
        "price": {"event": "amount"},
        "item": {"entity": "com.acme/voucher", "field": "code"},
    }
    mapping["rules"] = [viewed, sold, *(rule for rule in mapping["rules"] if "products" not in rule)]
    mapping["session"] = ["domain_userid", "domain_sessionidx"]
    (tmp_path / "mapping.json").write_text(json.dumps(mapping))
    order = self_describing("com.acme/sold", {"amount": 12.5})
    voucher = {"contexts": contexts(product("com.acme/voucher", code="V7"), CONSENT)}
    sent = [page("/artikel/rad-7?x=1"), page("/artikel/"), order | voucher]
    sent = [fields | {"domain_sessionid": ""} for fields in sent]
    assert cleaned(spark, tmp_path / "landing", sent, mapping=load(tmp_path / "mapping.json")) == [
        ("item_view", "item", "rad-7", None, None, None),
        ("item_view", "item", None, None, None, None),
        ("purchase", None, "V7", None, 12.5, None),
    ]
