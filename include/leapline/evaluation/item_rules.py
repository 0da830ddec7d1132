"""Rules about the item model, which ranks the viewed items of a session.

The item model is served only if its quality was measured: with too few bought pairs in the holdout it is left out of
the archive, and the other rules decide about the session model alone.
"""

from dataclasses import dataclass

from leapline.evaluation.calibration_ratio import CalibrationRatio
from leapline.evaluation.item_choices import ItemChoices
from leapline.evaluation.metrics import Metrics
from leapline.evaluation.ratio_rule import ratio_rule
from leapline.evaluation.ratios import Interval
from leapline.evaluation.rules import Rule, above, at_least, below, is_number, refuse, skip
from leapline.formatting import change, number, percent

MIN_DISTINCT_SCORES = 10


@dataclass(frozen=True)
class ItemLimits:
    """The limits of the item model's rules.

    Attributes:
        positives: with fewer bought pairs in the holdout, the item model is left out; with fewer sessions that choose
            among several items, choices are not compared.
        roc_auc: the lower end of the interval of ROC AUC must exceed this.
        loss: the upper end of the interval of the difference from the item viewed last must be at least minus this.
    """

    positives: int = 20
    roc_auc: float = 0.6
    loss: float = 0.02


@dataclass(frozen=True)
class ItemEvidence:
    """The input of the rules.

    Attributes:
        metrics: on the holdout's session-item pairs.
        calibration: mean forecast and share of bought pairs.
        choices: how often the first item is bought.
    """

    metrics: Metrics
    calibration: CalibrationRatio
    choices: ItemChoices


def is_measurable(bought_pairs: int, limits: ItemLimits) -> bool:
    """Return whether the holdout has enough bought pairs to judge, and serve, an item model."""
    return bought_pairs >= limits.positives


def item_rules(evidence: ItemEvidence, limits: ItemLimits, calibration_ratio: float) -> list[Rule]:
    """Check the item model.

    Args:
        evidence: of the item model.
        limits: of its rules.
        calibration_ratio: as for the session model.
    """
    metrics, missing = evidence.metrics, evidence.metrics.missing
    if not is_measurable(metrics.positives, limits):
        why = f"{metrics.positives}, too few to judge the item model, which is left out of the archive"
        return [skip("item_positives", f"at least {limits.positives}", f"bought items in the holdout: {why}")]
    low = metrics.roc_auc_interval[0] if metrics.roc_auc_interval else metrics.roc_auc
    return [
        at_least("item_positives", metrics.positives, limits.positives, "bought items in the holdout"),
        above(
            "item_roc_auc",
            low,
            limits.roc_auc,
            "ROC AUC of the item model, lower end of the 95 % interval",
            missing.get("roc_auc"),
        ),
        below(
            "item_log_loss",
            metrics.log_loss,
            metrics.base_log_loss,
            "log loss of the item model",
            "a constant forecast is as good",
            missing.get("log_loss"),
        ),
        ratio_rule(
            "item_calibration_ratio",
            evidence.calibration,
            calibration_ratio,
            "the item model's mean forecast / prevalence",
        ),
        below("item_invalid_scores", metrics.invalid_scores, 1, "item scores outside [0, 1]", "the model is broken"),
        at_least("item_distinct_scores", metrics.distinct_scores, MIN_DISTINCT_SCORES, "distinct item scores"),
        _against_random(evidence.choices, limits),
        _against_recent(evidence.choices, limits),
    ]


def _against_random(choices: ItemChoices, limits: ItemLimits) -> Rule:
    """Require that the model is significantly better than an item drawn at random."""
    name, noun = "item_choice", "sessions whose first-ranked item is bought, minus random choice"
    if choices.sessions < limits.positives:
        return skip(name, "above 0", f"{noun}: only {choices.sessions} sessions choose among several items")
    ends = _ends(choices.random_interval)
    if ends is None:
        return refuse(name, "above 0", f"{noun}: not available, there is no interval")
    text = f"{_shares(noun, choices.first, choices.random, ends)}, lower end"
    if ends[0] > 0:
        return Rule(name, ends[0], "above 0", True, f"{text} (required above 0)")
    return Rule(name, ends[0], "above 0", False, f"{text} required above 0; items are ranked almost at random")


def _against_recent(choices: ItemChoices, limits: ItemLimits) -> Rule:
    """Require that the model is not significantly worse than the item viewed last."""
    name, least = "item_choice_recent", -limits.loss
    noun, limit = "sessions whose first-ranked item is bought, minus the item viewed last", f"at least {number(least)}"
    if choices.sessions < limits.positives:
        return skip(name, limit, f"{noun}: only {choices.sessions} sessions choose among several items")
    if choices.recent is None and choices.first is not None:
        return skip(name, limit, f"{noun}: the feature spec of pairs has no `since` of item views")
    ends = _ends(choices.recent_interval)
    if ends is None:
        return refuse(name, limit, f"{noun}: not available, there is no interval")
    text = f"{_shares(noun, choices.first, choices.recent, ends)}, upper end"
    if ends[1] >= least:
        return Rule(name, ends[1], limit, True, f"{text} (required {limit})")
    return Rule(name, ends[1], limit, False, f"{text} required {limit}; the item viewed last is a better guess")


def _shares(noun: str, first: float | None, other: float | None, ends: tuple[float, float]) -> str:
    interval = f"95 % interval {change(ends[0])} to {change(ends[1])}"
    return f"{noun}: {percent(first)} and {percent(other)}, difference {interval}"


def _ends(bounds: Interval) -> Interval:
    return bounds if bounds and all(map(is_number, bounds)) else None
