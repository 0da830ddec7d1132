"""The coin is tossed: who buys, who leaves in the checkout, and what both still click. And robots, who only look."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leapline.synthetic.behaviour import CATEGORY, CHECKOUT, ITEM, THANKS, Clicks, Shopping, in_order
from leapline.synthetic.catalogue import Catalogue
from leapline.synthetic.spec import GeneratorSpec
from leapline.synthetic.visitors import BOT_AGENT, BOT_HIDDEN, BOT_KNOWN, Visits

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

CHECKOUT_STEPS = ("address", "payment", "review")
_BOT_CLICKS_LEAST, _BOT_CLICKS_MOST = 40, 20_000
_BOT_CLICKS_TAIL = 1.3


@dataclass(frozen=True)
class Orders:
    """One row an ordered item; `click` is the row of the thank-you page in the clicks."""

    click: Ints
    item: Ints
    quantity: Ints


def toss(
    rng: np.random.Generator, spec: GeneratorSpec, chance: Floats, shopping: Shopping
) -> tuple[Bools, Clicks, Orders]:
    """Toss each session's coin and let it end accordingly.

    Whoever buys goes through the whole checkout. Of the others with something in the cart, a share that has nothing to
    do with the chance starts the checkout and leaves it: a started checkout does not give the outcome away.

    Returns:
        bought (one a session), all clicks with the ends, the ordered items.
    """
    bought = rng.random(len(chance)) < chance
    full = shopping.cart[:, 0] >= 0
    leaves = ~bought & full & (rng.random(len(chance)) < spec.abandoned)
    got_to = np.where(
        bought, len(CHECKOUT_STEPS), np.where(leaves, rng.integers(1, len(CHECKOUT_STEPS) + 1, len(chance)), 0)
    )
    ends = [_page(rng, np.flatnonzero(got_to > k), CHECKOUT, k, 35.0) for k in range(len(CHECKOUT_STEPS))]
    ends.append(_page(rng, np.flatnonzero(bought), THANKS, -1, 15.0))
    clicks = in_order([shopping.clicks, *ends])
    return bought, clicks, _orders(clicks, shopping)


def _page(rng: np.random.Generator, who: Ints, step: int, detail: int, seconds: float) -> Clicks:
    dwell = np.clip(seconds * 1000 * np.exp(rng.normal(0, 0.6, len(who))), 2000, 900_000).astype(np.int64)
    nothing = np.zeros(len(who), dtype=np.int64)
    return Clicks(who, nothing + step, nothing - 1, nothing + detail, nothing, dwell, nothing)


def _orders(clicks: Clicks, shopping: Shopping) -> Orders:
    """The cart's content; with an empty cart the item seen last, bought at once."""
    thanks = np.flatnonzero(clicks.step == THANKS)
    who = clicks.session[thanks]
    cart, quantity = shopping.cart[who].copy(), shopping.cart_quantity[who].copy()
    at_once = cart[:, 0] < 0
    cart[at_once, 0], quantity[at_once, 0] = shopping.last_item[who][at_once], 1
    row, slot = np.nonzero(cart >= 0)
    return Orders(thanks[row], cart[row, slot], quantity[row, slot])


def robots(rng: np.random.Generator, spec: GeneratorSpec, shop: Catalogue, humans: Visits) -> tuple[Visits, Clicks]:
    """Robot sessions: many pages at a machine's pace, a few almost without end; numbered after the human ones."""
    n = int(rng.binomial(len(humans), spec.bots))
    visits = humans.take(rng.choice(len(humans), n, replace=False) if n else np.zeros(0, dtype=np.int64))
    kind = rng.choice([BOT_KNOWN, BOT_AGENT, BOT_HIDDEN], n, p=[0.5, 0.35, 0.15])
    replaced = {
        "visitor_id": rng.integers(0, 256, (n, 16), dtype=np.uint8),
        "session_id": rng.integers(0, 256, (n, 16), dtype=np.uint8),
        "session_index": np.ones(n, dtype=np.int64),
        "login": np.full(n, -1),
        "referrer": np.zeros(n, dtype=np.int64),
        "anonymous": np.zeros(n, dtype=bool),
        "bot": kind,
    }
    visits = Visits(**{**vars(visits), **replaced})
    length = np.minimum(_BOT_CLICKS_LEAST * (1 + rng.pareto(_BOT_CLICKS_TAIL, n)), _BOT_CLICKS_MOST).astype(np.int64)
    session = np.repeat(np.arange(n), length)
    return visits, _crawl(rng, shop, session + len(humans))


def _crawl(rng: np.random.Generator, shop: Catalogue, session: Ints) -> Clicks:
    n = len(session)
    on_item = rng.random(n) < 0.9
    nothing = np.zeros(n, dtype=np.int64)
    return Clicks(
        session=session,
        step=np.where(on_item, ITEM, CATEGORY),
        item=np.where(on_item, rng.integers(0, len(shop.skus), n), -1),
        detail=np.where(on_item, -1, rng.integers(0, len(shop.category_names), n)),
        quantity=nothing,
        dwell_ms=rng.integers(300, 2500, n),
        cart_cents=nothing,
    )
