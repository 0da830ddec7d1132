"""Simulate what visitors do: click by click, for all sessions of a chunk at once.

    landing -> home | category | search | item -> ... -> leave
                                  item: look again, add to cart, remove, see the cart

Each session has a mood (bounce, browse, search, compare, mission) which sets how likely each next step is. The mood
shapes only the actions; the probability of a purchase is computed from the actions (`purchase_probability`), never
from the mood.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from leapline.synthetic.catalogue import Catalogue
from leapline.synthetic.visitors import Visits

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

HOME, CATEGORY, SEARCH, ITEM, AGAIN, ADD, REMOVE, CART, LEAVE, CHECKOUT, THANKS = range(11)
"""Steps. AGAIN (an item seen before in the session) is recorded as ITEM; CHECKOUT and THANKS follow the outcome."""

MAX_CLICKS: Final = 90
MAX_DWELL_MS: Final = 25 * 60_000
"""Below the 30 minutes after which a tracker starts a new session."""

_MOODS = 5
_NEW_MOODS = np.cumsum([0.36, 0.30, 0.13, 0.13, 0.08])
_RETURN_MOODS = np.cumsum([0.22, 0.26, 0.12, 0.22, 0.18])
_LANDING = np.cumsum([0.38, 0.22, 0.06, 0.34])
# Rows: mood. Columns: home, category, search, item, again, add, remove, cart, leave. One table where the visitor stands
# on a list (home, category, search), on an item, on the cart.
_ON_LIST = [
    [0.02, 0.10, 0.03, 0.15, 0.00, 0.00, 0.00, 0.00, 0.70],
    [0.05, 0.26, 0.05, 0.46, 0.03, 0.00, 0.00, 0.01, 0.14],
    [0.02, 0.06, 0.32, 0.38, 0.03, 0.00, 0.00, 0.01, 0.18],
    [0.02, 0.16, 0.07, 0.56, 0.12, 0.00, 0.00, 0.02, 0.05],
    [0.02, 0.08, 0.14, 0.58, 0.10, 0.00, 0.00, 0.04, 0.04],
]
_ON_ITEM = [
    [0.02, 0.06, 0.02, 0.10, 0.02, 0.02, 0.00, 0.00, 0.76],
    [0.03, 0.24, 0.04, 0.40, 0.05, 0.04, 0.00, 0.01, 0.19],
    [0.02, 0.08, 0.28, 0.26, 0.06, 0.06, 0.00, 0.01, 0.23],
    [0.01, 0.12, 0.05, 0.30, 0.27, 0.11, 0.01, 0.03, 0.10],
    [0.01, 0.08, 0.05, 0.20, 0.20, 0.24, 0.02, 0.08, 0.12],
]
_ON_CART = [
    [0.05, 0.05, 0.00, 0.05, 0.05, 0.00, 0.10, 0.00, 0.70],
    [0.05, 0.20, 0.03, 0.17, 0.10, 0.00, 0.15, 0.00, 0.30],
    [0.03, 0.08, 0.20, 0.14, 0.10, 0.00, 0.15, 0.00, 0.30],
    [0.03, 0.12, 0.05, 0.15, 0.25, 0.00, 0.18, 0.00, 0.22],
    [0.02, 0.08, 0.04, 0.16, 0.16, 0.00, 0.10, 0.00, 0.44],
]
_CUMULATIVE = np.cumsum(np.array([_ON_LIST, _ON_ITEM, _ON_CART]), axis=2)
_CUMULATIVE[:, :, -1] = 1.0
_STATE_AFTER = np.array([0, 0, 0, 1, 1, 1, 2, 2, 0])
_LOG_DWELL_S = np.log(np.array([9.0, 16.0, 14.0, 24.0, 26.0, 8.0, 9.0, 14.0, 1.0]))
_CART_ROOM = 10


@dataclass(frozen=True)
class Clicks:
    """One row per click, grouped by session and in order; `session` is the row in `Visits`."""

    session: Ints
    step: Ints
    item: Ints
    """-1 if the step concerns no item."""
    detail: Ints
    """The category of a category page or the number of a checkout step; otherwise -1."""
    quantity: Ints
    dwell_ms: Ints
    cart_cents: Ints
    """The cart's value after the step."""


class _Shoppers:
    """The state of all simulated sessions of a chunk, as arrays with one entry per session."""

    def __init__(self, rng: np.random.Generator, shop: Catalogue, visits: Visits) -> None:
        n = len(visits)
        self.rng, self.shop = rng, shop
        moods = np.where((visits.session_index > 1)[:, None], _RETURN_MOODS, _NEW_MOODS)
        self.mood = np.minimum((moods < rng.random((n, 1))).sum(axis=1), _MOODS - 1)
        self.pace = rng.normal(0, 0.45, n) + 0.12 * (visits.device == 0)
        self.state = np.zeros(n, dtype=np.int64)
        self.category = shop.draw_category(rng, n)
        self.viewed = np.full((n, MAX_CLICKS), -1)
        self.n_viewed = np.zeros(n, dtype=np.int64)
        self.item = np.full(n, -1)
        self.liking = np.zeros(n)
        self.favourite = np.full(n, -1)
        self.most_liked = np.full(n, -np.inf)
        self.cart = np.full((n, _CART_ROOM), -1)
        self.cart_quantity = np.zeros((n, _CART_ROOM), dtype=np.int64)
        self.n_cart = np.zeros(n, dtype=np.int64)
        self.cart_cents = np.zeros(n, dtype=np.int64)

    def choose(self, who: Ints, first: bool) -> Ints:
        """Return the next step of each session in `who`; impossible steps are replaced."""
        u = self.rng.random(len(who))
        if first:
            return np.searchsorted(_LANDING, u)
        step = (_CUMULATIVE[self.state[who], self.mood[who]] < u[:, None]).sum(axis=1)
        step = np.where((step == AGAIN) & (self.n_viewed[who] == 0), ITEM, step)
        dislikes = (step == ADD) & (self.liking[who] < -0.6)
        step = np.where(dislikes | ((step == ADD) & (self.n_cart[who] == _CART_ROOM)), ITEM, step)
        return np.asarray(np.where((step == REMOVE) & (self.n_cart[who] == 0), CART, step))

    def look(self, who: Ints, again: npt.NDArray[np.bool_]) -> None:
        """Open an item page: a new one, mostly of the current category, or one seen before, mostly the favourite."""
        old, new = who[again], who[~again]
        anywhere = self.rng.random(len(new)) < 0.25
        self.item[new] = self.shop.draw(self.rng, np.where(anywhere, -1, self.category[new]))
        self.category[new] = self.shop.category[self.item[new]]
        self.liking[new] = self.rng.normal(0, 1, len(new))
        pick = self.viewed[old, (self.rng.random(len(old)) * self.n_viewed[old]).astype(np.int64)]
        to_favourite = self.rng.random(len(old)) < 0.65
        self.item[old] = np.where(to_favourite, self.favourite[old], pick)
        self.liking[old] = np.where(to_favourite, self.most_liked[old], 0.0)
        liked = new[self.liking[new] > self.most_liked[new]]
        self.favourite[liked], self.most_liked[liked] = self.item[liked], self.liking[liked]
        self.viewed[who, self.n_viewed[who]] = self.item[who]
        self.n_viewed[who] += 1

    def add(self, who: Ints) -> Ints:
        """Put the current item into the cart and return the quantities."""
        quantity = 1 + (self.rng.random(len(who)) < 0.08)
        self.cart[who, self.n_cart[who]] = self.item[who]
        self.cart_quantity[who, self.n_cart[who]] = quantity
        self.n_cart[who] += 1
        self.cart_cents[who] += quantity * self.shop.price_cents[self.item[who]]
        return quantity

    def remove(self, who: Ints) -> tuple[Ints, Ints]:
        """Remove the item that was added last from the cart; return items and quantities."""
        self.n_cart[who] -= 1
        item, quantity = self.cart[who, self.n_cart[who]], self.cart_quantity[who, self.n_cart[who]]
        self.cart_cents[who] -= quantity * self.shop.price_cents[item]
        return item, quantity

    def dwell(self, who: Ints, step: Ints) -> Ints:
        """Return the milliseconds until the next step: log-normal around the step's median, longer on liked items."""
        on_item = (step == ITEM) | (step == AGAIN)
        mean = _LOG_DWELL_S[step] + self.pace[who] + 0.4 * on_item * self.liking[who]
        seconds = np.exp(self.rng.normal(mean, 0.75))
        return np.asarray(np.clip(seconds * 1000, 800, MAX_DWELL_MS), dtype=np.int64)


@dataclass(frozen=True)
class Shopping:
    """All clicks of a chunk up to the purchase decision, and the content of each cart at that point."""

    clicks: Clicks
    cart: Ints
    """Items, shape (sessions, slots); -1 means empty."""
    cart_quantity: Ints
    last_item: Ints
    """The item viewed last; -1 means none."""


def go_shopping(rng: np.random.Generator, shop: Catalogue, visits: Visits) -> Shopping:
    """Simulate every session until the visitor leaves or decides."""
    shoppers = _Shoppers(rng, shop, visits)
    who = np.arange(len(visits))
    rounds: list[Clicks] = []
    while not rounds or (len(who) and len(rounds) < MAX_CLICKS):
        step = shoppers.choose(who, first=not rounds)
        who, step = who[step != LEAVE], step[step != LEAVE]
        rounds.append(_one_round(shoppers, who, step))
    inside = np.arange(_CART_ROOM) < shoppers.n_cart[:, None]
    return Shopping(in_order(rounds), np.where(inside, shoppers.cart, -1), shoppers.cart_quantity, shoppers.item)


def in_order(parts: Sequence[Clicks]) -> Clicks:
    """Merge several tables into one, grouped by session, in the order of the parts."""
    names = Clicks.__dataclass_fields__
    order = np.argsort(np.concatenate([part.session for part in parts]), kind="stable")
    return Clicks(**{name: np.concatenate([getattr(part, name) for part in parts])[order] for name in names})


def _one_round(shoppers: _Shoppers, who: Ints, step: Ints) -> Clicks:
    item, quantity = np.full(len(who), -1), np.zeros(len(who), dtype=np.int64)
    listed = step == CATEGORY
    away = who[listed & (shoppers.rng.random(len(who)) < 0.5)]
    shoppers.category[away] = shoppers.shop.draw_category(shoppers.rng, len(away))
    looks = (step == ITEM) | (step == AGAIN)
    shoppers.look(who[looks], step[looks] == AGAIN)
    item[looks] = shoppers.item[who[looks]]
    adds, removes = step == ADD, step == REMOVE
    item[adds], quantity[adds] = shoppers.item[who[adds]], shoppers.add(who[adds])
    item[removes], quantity[removes] = shoppers.remove(who[removes])
    dwell = shoppers.dwell(who, step)
    shoppers.state[who] = _STATE_AFTER[step]
    return Clicks(
        session=who,
        step=np.where(step == AGAIN, ITEM, step),
        item=item,
        detail=np.where(listed, shoppers.category[who], -1),
        quantity=quantity,
        dwell_ms=dwell,
        cart_cents=shoppers.cart_cents[who].copy(),
    )
