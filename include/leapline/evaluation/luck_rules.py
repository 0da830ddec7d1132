"""Rules that a lucky holdout does not pass: a lower confidence bound, and a minimum of visitors in effect."""

from leapline.evaluation.bootstrap import lower_bound
from leapline.evaluation.metrics import Metrics
from leapline.evaluation.rules import Rule, at_least, is_number, refuse
from leapline.formatting import number, number_beside


def roc_auc_rule(metrics: Metrics, threshold: float, confidence: float) -> Rule:
    """Require that the ROC AUC is at least the threshold, with the given confidence.

    Args:
        metrics: on the holdout.
        threshold: the minimum.
        confidence: level of the one-sided lower confidence bound; 0.5 is the value itself.
    """
    value, missing = metrics.roc_auc, metrics.missing
    if confidence <= 0.5 or not is_number(value):
        return at_least("roc_auc", value, threshold, "ROC AUC", missing.get("roc_auc"))
    level = f"{number(confidence * 100)} % confidence"
    limit, effective = f"at least {number(threshold)} with {level}", _smaller(metrics)
    bound = None
    if metrics.roc_auc_interval and effective is not None:
        bound = lower_bound(value, metrics.roc_auc_interval, effective, confidence)
    if not is_number(bound):
        reason = missing.get("roc_auc_interval", "the resamples yield none")
        return refuse("roc_auc", limit, f"ROC AUC: {number(value)} without a confidence interval, because {reason}")
    shown = number(value) if abs(value - threshold) > 0.0005 else number_beside(value, threshold)
    measured = f"ROC AUC: {shown}, with {level} at least {number_beside(bound, threshold)}"
    required = f"required at least {number(threshold)}"
    passed = bound >= threshold
    return Rule("roc_auc", bound, limit, passed, f"{measured} ({required})" if passed else f"{measured}, {required}")


def effective_size_rules(metrics: Metrics, minimum: float) -> list[Rule]:
    """Require purchases, and other sessions, of enough visitors in effect.

    Args:
        metrics: on the holdout.
        minimum: of Kish's effective sample size of each class.
    """
    buyers = "effective number of buyers in the holdout"
    others = "effective number of visitors without a purchase in the holdout"
    return [
        at_least("effective_positives", metrics.effective_positives, minimum, buyers),
        at_least("effective_negatives", metrics.effective_negatives, minimum, others),
    ]


def _smaller(metrics: Metrics) -> float | None:
    if metrics.effective_positives is None or metrics.effective_negatives is None:
        return None
    return min(metrics.effective_positives, metrics.effective_negatives)
