"""Draw the outcome of each session: purchase, abandoned checkout or neither. And bot sessions, which only view."""

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
    """One row per ordered item; `click` is the row of the thank-you page in `Clicks`."""

    click: Ints
    item: Ints
    quantity: Ints


def draw_outcomes(
    rng: np.random.Generator, spec: GeneratorSpec, probability: Floats, shopping: Shopping
) -> tuple[Bools, Clicks, Orders]:
    """Draw whether each session buys, and add the clicks that follow from it.

    Buyers go through the complete checkout. Of the other sessions with a filled cart, a share that does not depend on
    the probability starts the checkout and abandons it, so that a started checkout does not reveal the outcome.

    Returns:
        Whether each session bought, shape (sessions,); all clicks including the checkout; the ordered items.
    """
    bought = rng.random(len(probability)) < probability
    has_cart = shopping.cart[:, 0] >= 0
    abandons = ~bought & has_cart & (rng.random(len(probability)) < spec.abandoned)
    steps_done = np.where(
        bought, len(CHECKOUT_STEPS), np.where(abandons, rng.integers(1, len(CHECKOUT_STEPS) + 1, len(probability)), 0)
    )
    checkout = [_page(rng, np.flatnonzero(steps_done > k), CHECKOUT, k, 35.0) for k in range(len(CHECKOUT_STEPS))]
    checkout.append(_page(rng, np.flatnonzero(bought), THANKS, -1, 15.0))
    clicks = in_order([shopping.clicks, *checkout])
    return bought, clicks, _orders(clicks, shopping)


def _page(rng: np.random.Generator, who: Ints, step: int, detail: int, seconds: float) -> Clicks:
    dwell = np.clip(seconds * 1000 * np.exp(rng.normal(0, 0.6, len(who))), 2000, 900_000).astype(np.int64)
    nothing = np.zeros(len(who), dtype=np.int64)
    return Clicks(who, nothing + step, nothing - 1, nothing + detail, nothing, dwell, nothing)


def _orders(clicks: Clicks, shopping: Shopping) -> Orders:
    """Return the cart's content; with an empty cart, the item viewed last, bought directly."""
    thanks = np.flatnonzero(clicks.step == THANKS)
    who = clicks.session[thanks]
    cart, quantity = shopping.cart[who].copy(), shopping.cart_quantity[who].copy()
    direct = cart[:, 0] < 0
    cart[direct, 0], quantity[direct, 0] = shopping.last_item[who][direct], 1
    row, slot = np.nonzero(cart >= 0)
    return Orders(thanks[row], cart[row, slot], quantity[row, slot])


def bot_sessions(
    rng: np.random.Generator, spec: GeneratorSpec, shop: Catalogue, humans: Visits
) -> tuple[Visits, Clicks]:
    """Return bot sessions: many pages at machine speed, a few of them almost endless; numbered after the human ones."""
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
