"""Simulation study: how often do the 95 % confidence intervals contain the true value?

Shops are simulated whose true areas are known; each draws many holdouts, and the study counts how often the intervals
contain the truth.

    python -m benchmarks.interval_coverage
"""

from dataclasses import dataclass

import numpy as np

from leapline.evaluation.bootstrap import Array, Ranking, bootstrap_areas, compare, logit_interval

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


def main() -> None:
    """Print the coverage of three shops."""
    for shop in (Shop(), Shop(correlation=0.0), Shop(visitors=300)):
        print(shop, simulate(shop, 1000))


if __name__ == "__main__":
    main()
