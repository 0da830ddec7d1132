"""The gate's rules about label leakage, and their section of the model card. Each names its suspect."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from leapline.evaluation.document import Block, Heading, Table, Text, code, plain
from leapline.evaluation.leakage import FeatureLeakage, Leakage
from leapline.evaluation.rules import Rule, at_least, below, refuse
from leapline.formatting import count, number, percent, score

STRONG: Final = 0.8
"""ROC AUC from which on a feature has to keep some of its power on prefixes; what weaker ones lose is noise."""
ODDS: Final = 40.0
"""Where purchases are frequent, honest signs are certain too; a leak raises the odds of a purchase at least as much."""
_NAMED, _LISTED = 3, 10
_OTHER_PAGES: Final = "events: other_page"


@dataclass(frozen=True)
class LeakageLimits:
    """The limits of the rules.

    Attributes:
        roc_auc: the ROC AUC of each single feature, lower end of its interval, must be below this.
        certainty: the certainty of each feature must be below this.
        persistence: minimum persistence of each strong feature.
        min_buyers: with fewer buying sessions among the prefixes, persistence is not checked.
    """

    roc_auc: float = 0.94
    certainty: float = 0.8
    persistence: float = 0.4
    min_buyers: int = 20


def leakage_rules(leakage: Leakage | None, limits: LeakageLimits) -> list[Rule]:
    """Check each feature of the holdout.

    Args:
        leakage: the measurements; None for evidence without them, which has no such rules.
        limits: of the rules.

    Returns:
        Two rules, and a third one about persistence if there are strong features and enough prefixes.
    """
    if leakage is None:
        return []
    if not leakage.features:
        limit = f"below {number(limits.roc_auc)}"
        return [
            refuse("feature_roc_auc", limit, "ROC AUC of single features: not available, the holdout has one class")
        ]
    return [_ranking(leakage, limits), _certainty(leakage, limits), *_persistence(leakage, limits)]


def leakage_blocks(leakage: Leakage | None) -> list[Block]:
    """Return the section of the model card; nothing without measurements."""
    if leakage is None or not leakage.features:
        return []
    rows = [
        (code(f.name), score(f.roc_auc), score(f.prefix_roc_auc), plain(f.sign), f.sign_sessions, f.sign_buyers,
         percent(f.certainty), percent(f.sign_in_prefixes))
        for f in leakage.features[:_LISTED]
    ]  # fmt: skip
    model = (score(leakage.roc_auc), score(leakage.prefix_roc_auc))
    return [
        Heading("Label leakage"),
        Text(
            f"The {len(rows)} features that rank best alone, on whole sessions and on prefixes of the same sessions; "
            f"the model's ROC AUC on these is {model[0]} and {model[1]}. The sign is the value whose sessions buy most "
            "certainly, among those of at least 5 % of the buyers; certainty is the lower end of the 95 % "
            "interval of their share of buyers. A leak ranks almost without error, is almost certain, or is in no "
            "prefix."
        ),
        Table(
            ("feature", "ROC AUC", "on prefixes", "sign", "sessions with it", "of them buying", "certainty",
             "in their prefixes"),
            rows,
        ),
    ]  # fmt: skip


def _ranking(leakage: Leakage, limits: LeakageLimits) -> Rule:
    first = max(leakage.features, key=lambda f: f.roc_auc_low)
    others = _others(first, (f for f in leakage.features if f.roc_auc_low >= limits.roc_auc))
    noun = f"ROC AUC of {_described(first)} alone, {score(first.roc_auc)}, lower end of its interval"
    prefixes = f" ({score(first.prefix_roc_auc)} on prefixes of the sessions)" if first.prefix_roc_auc else ""
    return below(
        "feature_roc_auc", first.roc_auc_low, limits.roc_auc, noun, f"it probably leaks the label{prefixes}{others}"
    )


def _certainty(leakage: Leakage, limits: LeakageLimits) -> Rule:
    limit = _certainty_limit(leakage, limits)
    first = max(leakage.features, key=lambda f: f.certainty)
    others = _others(first, (f for f in leakage.features if f.certainty >= limit))
    buyers = f"{count(first.sign_buyers)} of {count(first.sign_sessions)} sessions buy"
    noun = f"certainty of a purchase with {_described(first)} {first.sign} ({buyers})"
    prefixes = (
        f", {percent(first.sign_in_prefixes)} of whose prefixes have it" if first.sign_in_prefixes is not None else ""
    )
    share = percent(first.sign_buyers / leakage.buyers)
    reason = f"it probably leaks the label of {share} of the buyers{prefixes}{others}"
    return below("feature_certainty", first.certainty, limit, noun, reason)


def _certainty_limit(leakage: Leakage, limits: LeakageLimits) -> float:
    """Return the limit, which is higher where purchases are frequent."""
    prevalence = leakage.buyers / leakage.sessions
    odds = ODDS * prevalence / (1 - prevalence)
    return max(limits.certainty, round(odds / (1 + odds), 4))


def _persistence(leakage: Leakage, limits: LeakageLimits) -> list[Rule]:
    strong = [f for f in leakage.features if f.roc_auc >= STRONG]
    if not strong or leakage.buying_prefixes < limits.min_buyers:
        return []
    first = min(strong, key=lambda f: -1.0 if f.persistence is None else f.persistence)
    noun = f"share of the power of {_described(first)} that is left on prefixes, upper end of its interval"
    rule = at_least("feature_persistence", first.persistence, limits.persistence, noun, "no interval")
    if rule.passed or first.persistence is None:
        return [rule]
    lost = [f for f in strong if f.persistence is not None and f.persistence < limits.persistence]
    loss = f"ROC AUC alone {score(first.roc_auc)}, on prefixes {score(first.prefix_roc_auc)}"
    why = f"{rule.why}; it appears at the end of buying sessions only, and probably leaks the label ({loss})"
    return [Rule(rule.name, rule.value, rule.limit, False, why + _others(first, lost))]


def _others(first: FeatureLeakage, suspects: Iterable[FeatureLeakage]) -> str:
    names = [f.name for f in suspects if f.name != first.name]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"; also {', '.join(names[:_NAMED])}{more}" if names else ""


def _described(feature: FeatureLeakage) -> str:
    if feature.name == _OTHER_PAGES:
        return f"{feature.name} (pages that the event mapping does not know; extract lists candidates)"
    return feature.name
