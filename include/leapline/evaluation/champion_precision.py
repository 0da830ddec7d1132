"""The rule about average precision against the champion's: ROC AUC hardly notices the few sessions ranked highest."""

from leapline.evaluation.champion import ChampionComparison
from leapline.evaluation.rules import Rule, is_number, refuse
from leapline.formatting import change, number, number_beside

NAME = "champion_average_precision"


def champion_precision_rules(champion: ChampionComparison | None, candidate: float | None, margin: float) -> list[Rule]:
    """Return the rule if there is a champion that was compared; its absence and failures have rules of their own."""
    if champion is None or champion.state != "compared":
        return []
    return [champion_precision_rule(champion, candidate, margin)]


def champion_precision_rule(champion: ChampionComparison, candidate: float | None, margin: float) -> Rule:
    """Require non-inferiority: the interval of the difference lies above minus a share of the champion's value.

    The margin is relative, because average precision is low where few sessions buy.

    Args:
        champion: compared with the candidate.
        candidate: the candidate's average precision.
        margin: share of the champion's average precision.
    """
    limit = f"above {number(-100 * margin)} % of the champion's"
    comparison = champion.comparison
    ends = comparison.average_precision_interval if comparison else None
    if comparison is None or ends is None or not all(map(is_number, (*ends, candidate))):
        return refuse(NAME, limit, "the difference from the champion's average precision has no confidence interval")
    champions, (low, high) = (candidate or 0.0) - comparison.average_precision_difference, ends
    least = -margin * champions
    limit = f"above {number(least)}"
    noun = f"average precision minus that of champion {champion.model_id}"
    text = (
        f"{noun}: {change(comparison.average_precision_difference)} "
        f"(95 % interval {number_beside(low, least)} to {change(high)})"
    )
    required = f"{limit}, {number(100 * margin)} % of the champion's {number(champions)}"
    if low > least:
        return Rule(NAME, low, limit, True, f"{text} (lower end required {required})")
    outcome = "significantly worse" if high < 0 else "may be worse"
    return Rule(NAME, low, limit, False, f"{text}, {outcome}; lower end required {required}")
