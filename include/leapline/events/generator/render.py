"""From numbers to text: the 131 columns of every line of a chunk, in a few passes over whole columns."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from leapline.events import selfdescribing as sd
from leapline.events.generator import planted, timeline
from leapline.events.generator.behaviour import ADD, REMOVE, Clicks
from leapline.events.generator.catalogue import Catalogue
from leapline.events.generator.delivery import Lines
from leapline.events.generator.outcome import Orders
from leapline.events.generator.pages import TERMS, page_columns
from leapline.events.generator.people import person_columns
from leapline.events.generator.timeline import Events
from leapline.events.generator.visitors import Visits
from leapline.events.landing import firsts
from leapline.events.tsv import LINE_END, SPAN, hex_strings, join_fields, timestamps, uuids

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
"""What is tracked, by kind of event."""
_SHIPPING_CENTS, _FREE_SHIPPING_FROM_CENTS = 495, 5000
_NO_ORDER: Final = "\t" * 13
_NO_STRUCT: Final = "\t" * 4


@dataclass(frozen=True)
class Chunk:
    """All that happened in one chunk of a day."""

    shop: Catalogue
    visits: Visits
    clicks: Clicks
    orders: Orders
    events: Events


def render(rng: np.random.Generator, chunk: Chunk, lines: Lines, etl_ms: Ints) -> Any:
    """The text of each line, line end included.

    Args:
        etl_ms: for each line, when it was enriched.

    Returns:
        pyarrow string array, one value a line.
    """
    is_page = (chunk.clicks.step != ADD) & (chunk.clicks.step != REMOVE)
    page = np.cumsum(is_page) - 1
    terms = rng.integers(0, len(TERMS), len(page))
    by_event = _event_columns(rng, chunk, page, terms)
    event = pa.array(lines.event)
    columns: dict[str, Any] = {
        f"app_id{SPAN}platform": "shop\tweb",
        "etl_tstamp": timestamps(etl_ms),
        "collector_tstamp": timestamps(lines.collector_ms),
        "dvce_created_tstamp": timestamps(lines.created_ms),
        "event_id": uuids(lines.event_id),
        f"name_tracker{SPAN}v_etl": "sp\tjs-3.24.0\tssc-3.2.0-kinesis\tsnowplow-enrich-kinesis-5.1.0",
        "dvce_sent_tstamp": timestamps(lines.sent_ms),
        "derived_tstamp": timestamps(lines.derived_ms),
        "event_fingerprint": hex_strings(lines.fingerprint),
        **LINE_END,
    }
    columns |= {key: value if isinstance(value, str) else value.take(event) for key, value in by_event.items()}
    return join_fields(columns)


def _event_columns(rng: np.random.Generator, chunk: Chunk, page: Ints, terms: Ints) -> dict[str, Any]:
    """Columns with one value an event."""
    clicks, events = chunk.clicks, chunk.events
    is_page = firsts(page)
    pages = Clicks(**{name: getattr(clicks, name)[is_page] for name in Clicks.__dataclass_fields__})
    of_page = page_columns(rng, chunk.shop, chunk.visits, pages, terms[is_page])
    view_id = uuids(rng.integers(0, 256, (len(pages.step), 16), dtype=np.uint8))
    session, event_page = pa.array(clicks.session[events.click]), pa.array(page[events.click])
    kinds = pa.array(events.kind)
    tracked = [sd.EVENT_COLUMNS[name] for name in _TRACKED]
    by_session = {k: v if isinstance(v, str) else v.take(session) for k, v in person_columns(chunk.visits).items()}
    by_page = {k: v.take(event_page) for k, v in of_page.items()}
    consent = (
        pa.array(["", "," + sd.consent_given()]).take(pa.array(chunk.visits.consent.astype(np.int64))).take(session)
    )
    web_page = pc.binary_join_element_wise(
        f'{sd.CONTEXTS_OPEN}{{"schema":"{sd.WEB_PAGE}","data":{{"id":"', view_id, '"}}', ""
    )
    return (
        by_session
        | by_page
        | {
            "event": pa.array([names[0] for names in tracked]).take(kinds),
            "contexts": pc.binary_join_element_wise(
                web_page.take(event_page), consent, _entities(chunk), sd.CONTEXTS_CLOSE, ""
            ),
            f"se_category{SPAN}se_value": pa.array([_NO_STRUCT, f"list\tfilter\tby {planted.email(3)}\t\t"]).take(
                pa.array((events.kind == timeline.FILTER).astype(np.int64))
            ),
            "unstruct_event": _unstruct(events, terms),
            f"tr_orderid{SPAN}ti_quantity": _order_columns(chunk),
            f"pp_xoffset_min{SPAN}pp_yoffset_max": _scrolls(rng, events),
            f"tr_currency{SPAN}base_currency": _currencies(events),
            f"event_vendor{SPAN}event_version": pa.array(["\t".join(names[1:]) for names in tracked]).take(kinds),
        }
    )


def _entities(chunk: Chunk) -> Any:
    """Each event's entities beside page and consent: product, cart, checkout step, customer; led by a comma."""
    shop, events, clicks = chunk.shop, chunk.events, chunk.clicks
    names, cents = shop.category_names, shop.price_cents.tolist()
    things = zip(shop.skus, shop.category.tolist(), cents, shop.names, strict=True)
    known = ["", *("," + sd.product(sku, names[c], price, CURRENCY, name) for sku, c, price, name in things)]
    number = np.where(events.kind == timeline.PRODUCT_VIEW, 1 + events.item, 0)
    carted = np.flatnonzero((events.kind == timeline.ADD_TO_CART) | (events.kind == timeline.REMOVE_FROM_CART))
    number[carted] = len(known) + np.arange(len(carted))
    value = clicks.cart_cents[events.click[carted]].tolist()
    for item, quantity, total in zip(
        events.item[carted].tolist(), events.quantity[carted].tolist(), value, strict=True
    ):
        thing = sd.product(
            shop.skus[item], names[shop.category[item]], cents[item], CURRENCY, shop.names[item], quantity
        )
        known.append(f",{thing},{sd.entity(sd.CART, total_value=total / 100, currency=CURRENCY)}")
    steps = np.flatnonzero(events.kind == timeline.CHECKOUT_STEP)
    number[steps] = len(known) + np.arange(len(steps))
    detail, login = clicks.detail[events.click[steps]], chunk.visits.login[clicks.session[events.click[steps]]]
    for step, customer in zip(detail.tolist(), login.tolist(), strict=True):
        known.append(f",{sd.entity(sd.CHECKOUT_STEP, step=step + 1)}{_customer(customer)}")
    return pa.array(known).take(pa.array(number))


def _customer(number: int) -> str:
    return "" if number < 0 else "," + sd.entity(sd.USER, id=str(number), email=planted.email(number), is_guest=False)


def _unstruct(events: Events, terms: Ints) -> Any:
    known = ["", *(sd.action(name) for _, name in _ACTIONS)]
    number = np.select([events.kind == kind for kind, _ in _ACTIONS], range(1, len(known)), 0)
    number = np.where(events.kind == timeline.SITE_SEARCH, len(known) + terms[events.click], number)
    known += [sd.unstruct(sd.SITE_SEARCH, terms=term.split()) for term in TERMS]
    return pa.array(known).take(pa.array(number))


def _order_columns(chunk: Chunk) -> Any:
    """`tr_orderid` to `ti_quantity`: filled on a purchase's transaction and its items."""
    shop, events, orders = chunk.shop, chunk.events, chunk.orders
    known, number = [_NO_ORDER], np.zeros(len(events), dtype=np.int64)
    total = np.zeros(len(chunk.clicks.step), dtype=np.int64)
    np.add.at(total, orders.click, orders.quantity * shop.price_cents[orders.item])
    rows = np.flatnonzero((events.kind == timeline.TRANSACTION) | (events.kind == timeline.TRANSACTION_ITEM))
    number[rows] = 1 + np.arange(len(rows))
    start = chunk.visits.start_ms[chunk.clicks.session[events.click[rows]]].tolist()
    for row, at in zip(rows.tolist(), start, strict=True):
        click, item = int(events.click[row]), int(events.item[row])
        order = f"{planted.ORDER}{at}-{click}"
        known.append(_transaction(order, int(total[click])) if events.kind[row] == timeline.TRANSACTION
                     else _transaction_item(shop, order, item, int(events.quantity[row])))  # fmt: skip
    return pa.array(known).take(pa.array(number))


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


def _scrolls(rng: np.random.Generator, events: Events) -> Any:
    """How far was scrolled since the last ping."""
    known = ["\t\t\t", *(f"0\t0\t{low}\t{low + far}" for low in range(0, 1200, 150) for far in (0, 120, 700))]
    number = np.where(events.kind == timeline.PAGE_PING, rng.integers(1, len(known), len(events)), 0)
    return pa.array(known).take(pa.array(number))


def _currencies(events: Events) -> Any:
    known = ["\t" * 6, f"{CURRENCY}" + "\t" * 6, "\t" * 4 + f"{CURRENCY}" + "\t" * 2]
    number = np.select([events.kind == timeline.TRANSACTION, events.kind == timeline.TRANSACTION_ITEM], [1, 2], 0)
    return pa.array(known).take(pa.array(number))
