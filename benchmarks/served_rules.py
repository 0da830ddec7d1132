"""Simulation study: how often do the rules about what is served refuse good and planted models?

    python -m benchmarks.served_rules

prints the tables of docs/decisions/0032-served-quality.md, in half a minute.
"""

from typing import Final, Literal

import numpy as np

from leapline.evaluation import calibration_ratio, session_progress
from leapline.evaluation.bootstrap import Array
from leapline.evaluation.calibration_ratio import CalibrationRatio
from leapline.evaluation.served_rules import ServedEvidence, ServedLimits, served_rules
from leapline.evaluation.session_progress import Progress

Early = Literal["good", "equal", "random"]
"""A model during the first events: better than the baseline, as good, or random."""
EVEN: Final = CalibrationRatio(0.05, 0.05, 1.0, (0.9, 1.1))
_SESSIONS_PER_VISITOR, _PREVALENCE = 2.5, 0.0753


def refused_ratios(buyers: int, factors: tuple[float, ...], holdouts: int, seed: int = 7) -> dict[float, float]:
    """Return for each factor the share of holdouts on which forecasts, which are too high by it, are refused.

    Args:
        buyers: expected number of buying sessions; each session yields two examples, each visitor one to four sessions.
        factors: of the true probabilities.
        holdouts: their number.
        seed: of the holdouts.
    """
    rng = np.random.default_rng(seed)
    refused = dict.fromkeys(factors, 0)
    for number in range(holdouts):
        labels, chance, visitors = _holdout(buyers, rng)
        for factor in factors:
            forecasts = np.minimum(factor * chance, 1)
            measured = calibration_ratio.measure(labels, forecasts, visitors, resamples=200, seed=number)
            refused[factor] += _refused([], measured)
    return {factor: count / holdouts for factor, count in refused.items()}


def refused_early(buyers: int, examples: int, model: Early, holdouts: int, seed: int = 3) -> float:
    """Return the share of holdouts on which a model is refused because of the first events of sessions.

    Args:
        buyers: examples of buying sessions in the group.
        examples: in the group.
        model: to simulate; the baseline has a ROC AUC of 0.6.
        holdouts: their number.
        seed: of the holdouts.
    """
    rng = np.random.default_rng(seed)
    refused = 0
    for number in range(holdouts):
        labels = (np.arange(examples) < buyers).astype(float)
        visible = rng.normal(size=examples) + 0.42 * labels
        scores = {
            "good": visible + 0.35 * labels + 0.6 * rng.normal(size=examples),
            "equal": visible + 0.3 * rng.normal(size=examples),
            "random": rng.normal(size=examples),
        }
        columns = (labels, scores[model], visible + 0.3 * rng.normal(size=examples), np.ones(examples))
        groups = session_progress.measure(*columns, np.arange(examples), resamples=100, seed=number)
        refused += _refused(groups, EVEN)
    return refused / holdouts


def _holdout(buyers: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Return labels, true probabilities and visitors of two examples per session."""
    visitors = int(buyers / _PREVALENCE / _SESSIONS_PER_VISITOR)
    who = np.repeat(np.arange(visitors), rng.integers(1, 5, size=visitors))
    intent = rng.normal(size=visitors)[who] + rng.normal(size=len(who))
    chance = 1 / (1 + np.exp(3.6 - 1.2 * intent))
    labels = (rng.random(len(who)) < chance).astype(float)
    return np.tile(labels, 2), np.tile(chance, 2), np.tile(who.astype(float), 2)


def _refused(groups: list[Progress], ratio: CalibrationRatio) -> bool:
    return not all(rule.passed for rule in served_rules(ServedEvidence(groups, ratio), ServedLimits()))


def main() -> None:
    """Print both tables."""
    for buyers, holdouts in ((40, 300), (60, 300), (183, 300), (1000, 100)):
        print(buyers, "buyers:", refused_ratios(buyers, (1.0, 1.125, 1.25, 1.48, 0.6), holdouts))
    models: tuple[Early, ...] = ("good", "equal", "random")
    for buyers, examples in ((42, 3260), (120, 3000), (250, 4000)):
        print(buyers, "buyers:", {model: refused_early(buyers, examples, model, 100) for model in models})


if __name__ == "__main__":
    main()
