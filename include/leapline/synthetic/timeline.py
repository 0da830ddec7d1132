"""Turn clicks into events: what the tracker sends at each click, and when."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from leapline.snowplow.batches import firsts
from leapline.synthetic.behaviour import ADD, CATEGORY, CHECKOUT, ITEM, REMOVE, SEARCH, THANKS, Clicks
from leapline.synthetic.outcome import Orders
from leapline.synthetic.visitors import HUMAN, Visits

Ints = npt.NDArray[np.int64]

PAGE_VIEW, PAGE_PING, PRODUCT_VIEW, ADD_TO_CART, REMOVE_FROM_CART = range(5)
SITE_SEARCH, CHECKOUT_STEP, TRANSACTION, TRANSACTION_ITEM, FILTER = range(5, 10)
NAMES: Final = ("page_view", "page_ping", "product_view", "add_to_cart", "remove_from_cart",
                "site_search", "checkout_step", "transaction", "transaction_item", "filter")  # fmt: skip
"""The names of the kinds of events, by number."""

PING_MS: Final = 30_000
"""The interval of the tracker's page pings."""
_MOST_PINGS = 8
_FILTER_SHARE = 0.12


@dataclass(frozen=True)
class Events:
    """One row per event."""

    kind: Ints
    click: Ints
    """The row in `Clicks`."""
    at_ms: Ints
    """The true time, milliseconds since 1970."""
    item: Ints
    quantity: Ints

    def __len__(self) -> int:
        return len(self.kind)


def events_of(rng: np.random.Generator, visits: Visits, clicks: Clicks, orders: Orders) -> Events:
    """Return all events of the clicks; the first event of a session is the page view at its start."""
    start = _click_times(visits, clicks)
    step, every = clicks.step, np.arange(len(clicks.step))
    is_page = (step != ADD) & (step != REMOVE)
    filters = (step == CATEGORY) & (clicks.dwell_ms > 4000) & (rng.random(len(step)) < _FILTER_SHARE)
    human = visits.bot[clicks.session] == HUMAN
    pings = np.where(human, np.minimum((clicks.dwell_ms - 1000) // PING_MS, _MOST_PINGS), 0)
    pinged = np.repeat(every, np.maximum(pings, 0))
    nth = (
        np.arange(len(pinged))
        - np.repeat(np.cumsum(np.maximum(pings, 0)) - np.maximum(pings, 0), np.maximum(pings, 0))
        + 1
    )
    makes: list[tuple[int, Ints, Ints]] = [
        (PAGE_VIEW, every[is_page], start[is_page]),
        (PAGE_PING, pinged, start[pinged] + nth * PING_MS),
        (PRODUCT_VIEW, every[step == ITEM], _soon(rng, start[step == ITEM], 60)),
        (ADD_TO_CART, every[step == ADD], start[step == ADD]),
        (REMOVE_FROM_CART, every[step == REMOVE], start[step == REMOVE]),
        (SITE_SEARCH, every[step == SEARCH], _soon(rng, start[step == SEARCH], 60)),
        (CHECKOUT_STEP, every[step == CHECKOUT], _soon(rng, start[step == CHECKOUT], 60)),
        (TRANSACTION, every[step == THANKS], start[step == THANKS] + 250),
        (FILTER, every[filters], start[filters] + 3000),
    ]
    click = np.concatenate([rows for _, rows, _ in makes] + [orders.click])
    return Events(
        kind=np.concatenate(
            [np.full(len(rows), kind) for kind, rows, _ in makes] + [np.full(len(orders.click), TRANSACTION_ITEM)]
        ),
        click=click,
        at_ms=np.concatenate([at for _, _, at in makes] + [start[orders.click] + 270]),
        item=np.concatenate([clicks.item[click[: len(click) - len(orders.item)]], orders.item]),
        quantity=np.concatenate([clicks.quantity[click[: len(click) - len(orders.item)]], orders.quantity]),
    )


def _soon(rng: np.random.Generator, start: Ints, least_ms: int) -> Ints:
    """Return times shortly after the page views, when the page has loaded."""
    return start + least_ms + rng.integers(0, 200, len(start))


def _click_times(visits: Visits, clicks: Clicks) -> Ints:
    """Return the time of each click: the start of the session plus the dwell times of the clicks before."""
    before = np.cumsum(clicks.dwell_ms) - clicks.dwell_ms
    first = firsts(clicks.session)
    return np.asarray(visits.start_ms[clicks.session] + before - before[first][np.cumsum(first) - 1])
