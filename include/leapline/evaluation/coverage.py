"""Do the intervals hold what they promise? Shops are made up whose true areas are known, and it is counted how often
the 95 % intervals contain them.

    python -m leapline.evaluation.coverage
"""

from dataclasses import dataclass

import numpy as np

from leapline.evaluation.bootstrap import Array, Ranking, compare, draw_areas, logit_interval

# Large enough that its areas are the truth, to three digits.
_POPULATION = 200_000


@dataclass(frozen=True)
class Shop:
    """What visitors are like.

    Attributes:
        visitors: how many there are; each has one to four sessions.
        base: logarithm of the odds to buy of a middling visitor.
        alike: standard deviation of what a visitor's sessions share, in buying and in how wrongly they are scored.
    """

    visitors: int = 900
    base: float = -3.6
    alike: float = 1.0


@dataclass(frozen=True)
class Coverage:
    """Shares of draws whose interval contained the truth, and the truth."""

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


def holdout(shop: Shop, rng: np.random.Generator, visitors: int | None = None) -> Holdout:
    """Draw a shop's visitors and their sessions."""
    count = visitors or shop.visitors
    who = np.repeat(np.arange(count), rng.integers(1, 5, size=count))
    wish = rng.normal(size=count)[who] * shop.alike + rng.normal(size=len(who))
    labels = (rng.random(len(who)) < 1 / (1 + np.exp(-shop.base - 1.6 * wish))).astype(float)
    errors = [rng.normal(size=count)[who] * shop.alike + rng.normal(size=len(who)) for _ in range(2)]
    return Holdout(labels, (wish + 0.5 * errors[0], wish + 0.7 * errors[1]), who.astype(float))


def simulate(shop: Shop, holdouts: int, *, draws: int = 200, seed: int = 1) -> Coverage:
    """Draw `holdouts` holdouts, with `draws` draws for each one's intervals."""
    rng = np.random.default_rng(seed)
    population = holdout(shop, rng, _POPULATION)
    ones = np.ones((1, len(population.labels)))
    first, second = (Ranking(population.labels, scores).areas(ones) for scores in population.scores)
    truths = [first.roc_auc[0], first.average_precision[0], first.roc_auc[0] - second.roc_auc[0]]
    hits = np.zeros(3)
    for number in range(holdouts):
        intervals = _intervals(holdout(shop, rng), draws, seed + number)
        hits += [i is not None and i[0] <= truth <= i[1] for i, truth in zip(intervals, truths, strict=True)]
    area, precision, difference = map(float, hits / holdouts)
    return Coverage(area, precision, difference, float(truths[0]), float(truths[2]))


def _intervals(drawn: Holdout, draws: int, seed: int) -> list[tuple[float, float] | None]:
    """Of ROC AUC, average precision, and the difference of the two scores' ROC AUC."""
    [areas] = draw_areas(drawn.labels, drawn.scores[:1], drawn.visitors, draws=draws, seed=seed)
    found = Ranking(drawn.labels, drawn.scores[0]).areas(np.ones((1, len(drawn.labels))))
    compared = compare(drawn.labels, *drawn.scores, drawn.visitors, draws=draws, seed=seed)
    return [
        logit_interval(float(found.roc_auc[0]), areas.roc_auc),
        logit_interval(float(found.average_precision[0]), areas.average_precision),
        compared.interval if compared else None,
    ]


def main() -> None:
    """Print the coverage of three shops."""
    for shop in (Shop(), Shop(alike=0.0), Shop(visitors=300)):
        print(shop, simulate(shop, 1000))


if __name__ == "__main__":
    main()
