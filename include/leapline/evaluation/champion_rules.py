"""Rules about models that are or were the champion: the candidate must not be worse on the same sessions."""

from leapline.evaluation.best_champion import BestChampion
from leapline.evaluation.bootstrap import Comparison
from leapline.evaluation.champion import ChampionComparison
from leapline.evaluation.rules import Rule, refuse
from leapline.formatting import change, number, number_beside, quantity

CHAMPION_RULE = "champion"
"""Begins the names of rules that depend on promotions, so that days, settings and code do not determine them."""
BEST_RULE = "champion_best"


def champion_rules(
    champion: ChampionComparison | None, best: BestChampion | None, margin: float, best_margin: float
) -> list[Rule]:
    """Return the rules about the champion and about the best champion of the last days.

    There is none about a model that does not exist, or that is not to be compared.

    Args:
        champion: at the time of the evaluation; None to decide without it.
        best: the best one of the last days; None to decide without it.
        margin: the whole interval of the difference from the champion must lie above minus this.
        best_margin: the same for the best one. It is larger: the best of several models is better than most of them by
            chance alone, and an equally good one must be able to follow.
    """
    rules = []
    if champion is not None and champion.state in ("compared", "unknown"):
        noun, failure = f"champion {champion.model_id}", f"comparison with the champion failed: {champion.why}"
        rules.append(_not_worse(CHAMPION_RULE, noun, champion.comparison, margin, failure))
    if best is not None and best.state in ("compared", "unknown"):
        noun = f"{best.model_id}, the best champion of the last {quantity(best.days, 'day')}"
        failure = f"comparison with the best champion of the last {quantity(best.days, 'day')} failed: {best.why}"
        rule = _not_worse(BEST_RULE, noun, best.comparison, best_margin, failure)
        skipped = f"; not compared: {'; '.join(best.skipped)}" if best.skipped else ""
        rules.append(Rule(rule.name, rule.value, rule.limit, rule.passed, rule.why + skipped))
    return rules


def _not_worse(name: str, noun: str, comparison: Comparison | None, margin: float, failure: str) -> Rule:
    """Require non-inferiority: the whole interval of the difference lies above minus the margin."""
    limit = f"above {number(-margin)}"
    if comparison is None:
        return refuse(name, limit, failure)
    if comparison.interval is None:
        return refuse(name, limit, f"the difference from {noun} has no confidence interval")
    low, high = comparison.interval
    interval = f"95 % interval {_lower_end(low, -margin)} to {change(high)}"
    difference = f"ROC AUC minus that of {noun}: {change(comparison.difference)} ({interval})"
    if low > -margin:
        outcome = "significantly better" if low > 0 else "not worse"
        return Rule(name, low, limit, True, f"{difference}, {outcome} (lower end required {limit})")
    outcome = "significantly worse" if high < 0 else "may be worse"
    return Rule(name, low, limit, False, f"{difference}, {outcome}; lower end required {limit}")


def _lower_end(value: float, limit: float) -> str:
    """Return the lower end with three decimals, or with more if three do not distinguish it from the limit."""
    return change(value) if abs(value - limit) > 0.0005 else number_beside(value, limit)
