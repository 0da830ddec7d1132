"""The columns that differ from event to event: entities, actions, searches, orders, scrolling.

Most events have one of few values, so a column is a table of distinct values plus, for each event, the index of its
value; the text of an event is assembled only when its line is written.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from leapline.snowplow import self_describing as sd
from leapline.snowplow.tsv import SPAN
from leapline.synthetic import planted, timeline
from leapline.synthetic.behaviour import Clicks
from leapline.synthetic.catalogue import Catalogue
from leapline.synthetic.outcome import Orders
from leapline.synthetic.page_columns import TERMS
from leapline.synthetic.timeline import Events
from leapline.synthetic.visitors import Visits

Ints = npt.NDArray[np.int64]

CURRENCY: Final = "EUR"
_ACTIONS: Final = (
    (timeline.PRODUCT_VIEW, "product_view"),
    (timeline.ADD_TO_CART, "add_to_cart"),
    (timeline.REMOVE_FROM_CART, "remove_from_cart"),
    (timeline.CHECKOUT_STEP, "checkout_step"),
)
_TRACKED: Final = ("page_view", "page_ping", "action", "action", "action", "site_search", "action", "transaction",
                   "transaction_item", "struct")  # fmt: skip
"""The tracker method of each kind of event."""
_SHIPPING_CENTS, _FREE_SHIPPING_FROM_CENTS = 495, 5000
_NO_ORDER: Final = "\t" * 13
_NO_STRUCT: Final = "\t" * 4


@dataclass(frozen=True)
class Chunk:
    """Everything simulated for one chunk of a day."""

    shop: Catalogue
    visits: Visits
    clicks: Clicks
    orders: Orders
    events: Events


@dataclass(frozen=True)
class Lookup:
    """A dictionary-encoded column: its distinct values, and for each event the index of its value."""

    values: Any
    number: Ints

    def of(self, events: Ints) -> Any:
        """Return the values of the given events as a pyarrow array."""
        return self.values.take(pa.array(self.number[events]))


def kind_columns(events: Events) -> dict[str, Lookup]:
    """Return `event`, the four `event_*` columns and those of structured events."""
    tracked = [sd.EVENT_COLUMNS[name] for name in _TRACKED]
    filtered = pa.array([_NO_STRUCT, f"list\tfilter\tby {planted.email(3)}\t\t"])
    return {
        "event": Lookup(pa.array([names[0] for names in tracked]), events.kind),
        f"event_vendor{SPAN}event_version": Lookup(pa.array(["\t".join(names[1:]) for names in tracked]), events.kind),
        f"se_category{SPAN}se_value": Lookup(filtered, (events.kind == timeline.FILTER).astype(np.int64)),
    }


def entities(chunk: Chunk) -> Lookup:
    """Return each event's entities besides page and consent (product, cart, checkout step, customer), after a comma."""
    shop, events, clicks = chunk.shop, chunk.events, chunk.clicks
    names, cents = shop.category_names, shop.price_cents.tolist()
    products = zip(shop.skus, shop.category.tolist(), cents, shop.names, strict=True)
    values = ["", *("," + sd.product(sku, names[c], price, CURRENCY, name) for sku, c, price, name in products)]
    number = np.where(events.kind == timeline.PRODUCT_VIEW, 1 + events.item, 0)
    cart_events = np.flatnonzero((events.kind == timeline.ADD_TO_CART) | (events.kind == timeline.REMOVE_FROM_CART))
    number[cart_events] = len(values) + np.arange(len(cart_events))
    value = clicks.cart_cents[events.click[cart_events]].tolist()
    for item, quantity, total in zip(
        events.item[cart_events].tolist(), events.quantity[cart_events].tolist(), value, strict=True
    ):
        product = sd.product(
            shop.skus[item], names[shop.category[item]], cents[item], CURRENCY, shop.names[item], quantity
        )
        values.append(f",{product},{sd.entity(sd.CART, total_value=total / 100, currency=CURRENCY)}")
    steps = np.flatnonzero(events.kind == timeline.CHECKOUT_STEP)
    number[steps] = len(values) + np.arange(len(steps))
    detail, login = clicks.detail[events.click[steps]], chunk.visits.login[clicks.session[events.click[steps]]]
    for step, customer in zip(detail.tolist(), login.tolist(), strict=True):
        values.append(f",{sd.entity(sd.CHECKOUT_STEP, step=step + 1)}{_customer(customer)}")
    return Lookup(pa.array(values), number)


def _customer(number: int) -> str:
    return "" if number < 0 else "," + sd.entity(sd.USER, id=str(number), email=planted.email(number), is_guest=False)


def unstruct_events(events: Events, terms: Ints) -> Lookup:
    """Return `unstruct_event`: the action, or the search with its terms.

    Args:
        terms: the number of each click's search term, shape (clicks,).
    """
    values = ["", *(sd.action(name) for _, name in _ACTIONS)]
    number = np.select([events.kind == kind for kind, _ in _ACTIONS], range(1, len(values)), 0)
    number = np.where(events.kind == timeline.SITE_SEARCH, len(values) + terms[events.click], number)
    values += [sd.unstruct(sd.SITE_SEARCH, terms=term.split()) for term in TERMS]
    return Lookup(pa.array(values), number)


def order_columns(chunk: Chunk) -> Lookup:
    """Return `tr_orderid` to `ti_quantity`, filled on transactions and their items."""
    shop, events, orders = chunk.shop, chunk.events, chunk.orders
    values, number = [_NO_ORDER], np.zeros(len(events), dtype=np.int64)
    total = np.zeros(len(chunk.clicks.step), dtype=np.int64)
    np.add.at(total, orders.click, orders.quantity * shop.price_cents[orders.item])
    rows = np.flatnonzero((events.kind == timeline.TRANSACTION) | (events.kind == timeline.TRANSACTION_ITEM))
    number[rows] = 1 + np.arange(len(rows))
    start = chunk.visits.start_ms[chunk.clicks.session[events.click[rows]]].tolist()
    for row, at in zip(rows.tolist(), start, strict=True):
        click, item = int(events.click[row]), int(events.item[row])
        order = f"{planted.ORDER}{at}-{click}"
        values.append(_transaction(order, int(total[click])) if events.kind[row] == timeline.TRANSACTION
                     else _transaction_item(shop, order, item, int(events.quantity[row])))  # fmt: skip
    return Lookup(pa.array(values), number)


def _transaction(order: str, cents: int) -> str:
    shipping = 0 if cents >= _FREE_SHIPPING_FROM_CENTS else _SHIPPING_CENTS
    money = f"{(cents + shipping) / 100:.2f}\t{cents * 19 / 11900:.2f}\t{shipping / 100:.2f}"
    return f"{order}\tshop\t{money}\t{planted.TOWN}\t{planted.TOWN}\tDE" + "\t" * 6


def _transaction_item(shop: Catalogue, order: str, item: int, quantity: int) -> str:
    category = shop.category_names[shop.category[item]]
    return (
        "\t" * 8
        + f"{order}\t{shop.skus[item]}\t{shop.names[item]}\t{category}\t{shop.price_cents[item] / 100:.2f}\t{quantity}"
    )


def scrolls(rng: np.random.Generator, events: Events) -> Lookup:
    """Return `pp_xoffset_min` to `pp_yoffset_max`: the scroll offsets since the last ping."""
    values = ["\t\t\t", *(f"0\t0\t{low}\t{low + far}" for low in range(0, 1200, 150) for far in (0, 120, 700))]
    number = np.where(events.kind == timeline.PAGE_PING, rng.integers(1, len(values), len(events)), 0)
    return Lookup(pa.array(values), number)


def currencies(events: Events) -> Lookup:
    """Return `tr_currency` to `base_currency`, filled on orders and their items."""
    values = ["\t" * 6, f"{CURRENCY}" + "\t" * 6, "\t" * 4 + f"{CURRENCY}" + "\t" * 2]
    number = np.select([events.kind == timeline.TRANSACTION, events.kind == timeline.TRANSACTION_ITEM], [1, 2], 0)
    return Lookup(pa.array(values), number)
