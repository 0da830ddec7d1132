"""Rules about the slices of the holdout: one per attribute, about its worst slice."""

from collections.abc import Sequence

from leapline.evaluation.rules import Rule, at_least
from leapline.evaluation.slices import Slice
from leapline.formatting import count, number


def slice_rules(slices: Sequence[Slice], min_roc_auc: float, min_positives: int) -> list[Rule]:
    """Return one rule per attribute.

    Slices that are too small are judged together, if they are large enough together. What is still too small is named
    in the rule; an attribute of which nothing is large enough has a rule without a value, which passes.

    Args:
        slices: of the holdout, with the pooled ones.
        min_roc_auc: minimum ROC AUC within a slice.
        min_positives: minimum number of buying sessions, and of other sessions, of a slice that is judged.
    """
    by = dict.fromkeys(part.by for part in slices)
    return [_rule(name, [part for part in slices if part.by == name], min_roc_auc, min_positives) for name in by]


def _rule(by: str, slices: Sequence[Slice], min_roc_auc: float, min_positives: int) -> Rule:
    large = [part for part in slices if part.is_large(min_positives)]
    name, too_small = f"slice {by}", _too_small(slices, large, min_positives)
    if not large:
        return Rule(name, None, f"at least {number(min_roc_auc)}", True, f"ROC AUC by {by}: {too_small}")
    worst = min(large, key=lambda part: -1.0 if part.roc_auc is None else part.roc_auc)
    noun = f"ROC AUC within {worst.name} ({_size(worst)})"
    rule = at_least(name, worst.roc_auc, min_roc_auc, noun)
    if too_small:
        return Rule(rule.name, rule.value, rule.limit, rule.passed, f"{rule.why}; {too_small}")
    return rule


def _too_small(slices: Sequence[Slice], large: Sequence[Slice], minimum: int) -> str:
    """Return which slices are judged neither alone nor together; empty if there are none."""
    pooled = {value for part in large for value in part.members}
    left = [part for part in slices if part not in large and not part.members and part.value not in pooled]
    names = ", ".join(f"{part.value} ({_size(part)})" for part in left)
    return f"not judged, with fewer than {count(minimum)} buying or other sessions: {names}" if left else ""


def _size(part: Slice) -> str:
    return f"{count(part.positives)} buying of {count(part.examples)} sessions"
