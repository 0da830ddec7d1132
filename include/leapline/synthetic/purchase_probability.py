"""The true probability of a purchase: a formula over what the visitor did, when, and at which price.

It is no feature of any list and no sum of counts, but a smooth, saturating and partly non-monotonic function of actions
that only the complete event sequence shows. A model that sees the session's events can come close; one that counts
clicks cannot.
"""

from datetime import date
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from leapline.snowplow.batches import DAY_MS, firsts
from leapline.synthetic.behaviour import CATEGORY, ITEM, REMOVE, SEARCH, Clicks, go_shopping
from leapline.synthetic.catalogue import Catalogue, make_catalogue
from leapline.synthetic.spec import GeneratorSpec
from leapline.synthetic.visitors import Visits, visits_of

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

GAIN: Final = 0.77
"""Slope; with the weights below it determines the best possible ROC AUC of the default data (about 0.93)."""
_PILOT_DAY: Final = date(2001, 1, 3)
_PILOT_SESSIONS: Final = 8000


def purchase_probability(spec: GeneratorSpec, visits: Visits, clicks: Clicks) -> Floats:
    """Return each session's probability of a purchase, in [0, 1); 0 if no item was viewed.

    Over many sessions the mean is `spec.buyers`.
    """
    score = _score(make_catalogue(spec), visits, clicks)
    return _logistic(score + _level(spec))


@lru_cache(maxsize=4)
def _level(spec: GeneratorSpec) -> float:
    """Return the intercept with which the spec's share of sessions buys, estimated on a pilot day of the same shop."""
    pilot = spec.model_copy(update={"sessions_per_day": _PILOT_SESSIONS, "start": _PILOT_DAY})
    visits, shop = visits_of(pilot, _PILOT_DAY, 0), make_catalogue(spec)
    score = _score(shop, visits, go_shopping(pilot.rng("pilot"), shop, visits).clicks)
    low, high = -40.0, 40.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _logistic(score + middle).mean() < spec.buyers else (low, middle)
    return low


def _logistic(score: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-score)))


def _score(shop: Catalogue, visits: Visits, clicks: Clicks) -> Floats:
    """Return the log-odds up to a constant; minus infinity if no item was viewed."""
    n = len(visits)
    item, looks, dwell_s = _focus(n, clicks)
    focus = np.maximum(item, 0)
    relative = np.log(shop.price_cents[focus] / shop.median_cents[shop.category[focus]])
    score = GAIN * (
        _attention(looks, dwell_s)
        + _cart(n, clicks)
        - 0.3 * (relative + 0.25) ** 2
        - _fruitless_searches(n, clicks)
        + _tempo(n, clicks)
        + _time(visits)
    )
    return np.where(item >= 0, score, -np.inf)


def _attention(looks: Ints, dwell_s: Floats) -> Floats:
    """The effect of returning to one item and of dwelling on it; both saturate."""
    return np.asarray(1.2 * np.log1p(dwell_s / 25) * (1 - np.exp(-0.7 * looks)))


def _cart(n: int, clicks: Clicks) -> Floats:
    """The effect of the cart's value: intent grows with it, then hesitation does; removals lower it separately."""
    last = np.zeros(n, dtype=np.int64)
    last[clicks.session] = clicks.cart_cents  # the last assignment of a session wins
    value = np.log1p(last / 2000)
    removed = np.bincount(clicks.session[clicks.step == REMOVE], minlength=n)
    return np.asarray(4.6 * np.tanh(1.1 * value) - 0.12 * np.maximum(value - 2, 0) ** 2 - 0.7 * np.tanh(removed))


def _fruitless_searches(n: int, clicks: Clicks) -> Floats:
    """The effect of searches that are not followed by an item view."""
    last = firsts(clicks.session[::-1])[::-1]
    next_step = np.append(clicks.step[1:], -1)[: len(last)]
    fruitless = (clicks.step == SEARCH) & (last | (next_step != ITEM))
    return 0.6 * np.log1p(np.bincount(clicks.session[fruitless], minlength=n))


def _tempo(n: int, clicks: Clicks) -> Floats:
    """The effect of pace: best at about half a minute per click. Category pages lower the odds."""
    count = np.bincount(clicks.session, minlength=n)
    mean_log = np.bincount(clicks.session, np.log(clicks.dwell_ms / 30_000), minlength=n) / np.maximum(count, 1)
    listed = np.bincount(clicks.session[clicks.step == CATEGORY], minlength=n) / np.maximum(count, 1)
    return -0.35 * mean_log**2 - listed


def _time(visits: Visits) -> Floats:
    """The effect of time: more purchases in the evening, more so on computers, and after a visit a few days ago."""
    hour = (visits.start_ms % DAY_MS) / 3_600_000
    evening = np.cos((hour - 20.5) / 24 * 2 * np.pi)
    return np.asarray((0.3 + 0.2 * (visits.device == 0)) * evening + 0.7 * np.exp(-visits.gap_days / 6))


def _focus(n: int, clicks: Clicks) -> tuple[Ints, Ints, Floats]:
    """Return the item that each session viewed most often (ties: the longest), its views and its seconds."""
    looks = clicks.step == ITEM
    session, item, dwell = clicks.session[looks], clicks.item[looks], clicks.dwell_ms[looks]
    pair, index = np.unique(session * (1 << 32) + item, return_inverse=True)
    times = np.bincount(index, minlength=len(pair))
    seconds = np.bincount(index, dwell, minlength=len(pair)) / 1000
    owner = pair >> 32
    best = np.lexsort((-seconds, -times, owner))
    first = best[firsts(owner[best])]
    result = np.full(n, -1), np.zeros(n, dtype=np.int64), np.zeros(n)
    result[0][owner[first]] = pair[first] & 0xFFFFFFFF
    result[1][owner[first]] = times[first]
    result[2][owner[first]] = seconds[first]
    return result
