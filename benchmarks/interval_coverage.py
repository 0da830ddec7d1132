"""Simulation study: how often do the 95 % confidence intervals contain the true value?

Shops are simulated whose true areas are known; each draws many holdouts, and the study counts how often the intervals
contain the truth.

    python -m benchmarks.interval_coverage
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from leapline.evaluation.bootstrap import (
    Array,
    Ranking,
    bootstrap_areas,
    compare,
    logit_interval,
    lower_bound,
)
from leapline.evaluation.effective_size import effective_size

# Large enough that its areas are the truth to three digits.
_POPULATION = 200_000


@dataclass(frozen=True)
class Shop:
    """The visitors of a simulated shop.

    Attributes:
        visitors: their number; each has one to four sessions.
        base: log-odds of a purchase of an average visitor.
        correlation: standard deviation of what the sessions of a visitor share, in buying and in scoring errors.
    """

    visitors: int = 900
    base: float = -3.6
    correlation: float = 1.0


@dataclass(frozen=True)
class Coverage:
    """Shares of holdouts whose interval contained the truth, and the truth."""

    roc_auc: float
    average_precision: float
    difference: float
    true_roc_auc: float
    true_difference: float


@dataclass(frozen=True)
class Holdout:
    """Sessions with two scores, each of shape (n,)."""

    labels: Array
    scores: tuple[Array, Array]
    visitors: Array


def draw_holdout(shop: Shop, rng: np.random.Generator, visitors: int | None = None) -> Holdout:
    """Draw visitors of a shop and their sessions."""
    count = visitors or shop.visitors
    who = np.repeat(np.arange(count), rng.integers(1, 5, size=count))
    intent = rng.normal(size=count)[who] * shop.correlation + rng.normal(size=len(who))
    labels = (rng.random(len(who)) < 1 / (1 + np.exp(-shop.base - 1.6 * intent))).astype(float)
    errors = [rng.normal(size=count)[who] * shop.correlation + rng.normal(size=len(who)) for _ in range(2)]
    return Holdout(labels, (intent + 0.5 * errors[0], intent + 0.7 * errors[1]), who.astype(float))


def simulate(shop: Shop, holdouts: int, *, resamples: int = 200, seed: int = 1) -> Coverage:
    """Draw `holdouts` holdouts, with `resamples` bootstrap resamples each, and count the intervals with the truth."""
    rng = np.random.default_rng(seed)
    population = draw_holdout(shop, rng, _POPULATION)
    ones = np.ones((1, len(population.labels)))
    first, second = (Ranking(population.labels, scores).areas(ones) for scores in population.scores)
    truths = [first.roc_auc[0], first.average_precision[0], first.roc_auc[0] - second.roc_auc[0]]
    hits = np.zeros(3)
    for number in range(holdouts):
        intervals = _intervals(draw_holdout(shop, rng), resamples, seed + number)
        hits += [i is not None and i[0] <= truth <= i[1] for i, truth in zip(intervals, truths, strict=True)]
    area, precision, difference = map(float, hits / holdouts)
    return Coverage(area, precision, difference, float(truths[0]), float(truths[2]))


def _intervals(holdout: Holdout, resamples: int, seed: int) -> list[tuple[float, float] | None]:
    """Return the intervals of ROC AUC, average precision, and the difference of the two scores' ROC AUC."""
    labels, first = holdout.labels, holdout.scores[0]
    [areas] = bootstrap_areas(labels, [first], holdout.visitors, resamples=resamples, seed=seed)
    point = Ranking(labels, first).areas(np.ones((1, len(labels))))
    compared = compare(labels, *holdout.scores, holdout.visitors, resamples=resamples, seed=seed)
    return [
        logit_interval(float(point.roc_auc[0]), areas.roc_auc),
        logit_interval(float(point.average_precision[0]), areas.average_precision),
        compared.interval if compared else None,
    ]


@dataclass(frozen=True)
class OwnedCoverage:
    """How good intervals are if one visitor has many of the purchases.

    Attributes:
        effective: effective number of buyers.
        normal, t: shares of holdouts whose 95 % interval contains the truth, with the normal quantile and Student's t.
        normal_above, t_above: shares of holdouts whose lower bound with 90 % confidence exceeds the truth.
    """

    effective: float
    normal: float
    t: float
    normal_above: float
    t_above: float


def simulate_owned(buyers: int, owned: int, holdouts: int, *, others: int = 400, resamples: int = 100) -> OwnedCoverage:
    """Draw holdouts in which one visitor has `owned` purchases, and `buyers` visitors have one each.

    Half of the variance of a score is common to the sessions of a visitor; the true ROC AUC is 0.921.
    """
    visitors = np.concatenate([np.arange(buyers), np.full(owned, buyers), buyers + 1 + np.arange(others)])
    labels = np.repeat([1.0, 0.0], [buyers + owned, others])
    effective = effective_size(labels, visitors).smaller
    hits, truth = np.zeros(4), float(norm.cdf(2 / np.sqrt(2)))
    for seed in range(holdouts):
        rng = np.random.default_rng(seed)
        per_visitor, per_session = rng.normal(size=buyers + 1 + others)[visitors], rng.normal(size=len(labels))
        scores = 2 * labels + np.sqrt(0.5) * (per_visitor + per_session)
        [areas] = bootstrap_areas(labels, [scores], visitors, resamples=resamples, seed=seed)
        value = float(Ranking(labels, scores).areas(np.ones((1, len(labels)))).roc_auc[0])
        for column, size in ((0, math.inf), (2, effective)):
            # Without an interval nothing is claimed: it counts as one that contains the truth.
            interval = logit_interval(value, areas.roc_auc, size) or (0.0, 1.0)
            bound = lower_bound(value, interval, size, 0.9) or 0.0
            hits[column : column + 2] += interval[0] <= truth <= interval[1], bound > truth
    normal, normal_above, t, t_above = map(float, hits / holdouts)
    return OwnedCoverage(effective, normal, t, normal_above, t_above)


def main() -> None:
    """Print the coverage of three shops, and of holdouts in which one visitor has many purchases."""
    for shop in (Shop(), Shop(correlation=0.0), Shop(visitors=300)):
        print(shop, simulate(shop, 1000))
    for buyers, owned in ((200, 0), (30, 0), (30, 6), (30, 10), (30, 20), (30, 30), (10, 40)):
        print(buyers, owned, simulate_owned(buyers, owned, 1000))


if __name__ == "__main__":
    main()
