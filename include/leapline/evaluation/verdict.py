"""The verdict: whether a model may be published, and why, as data.

A rule holds or it does not; a number that is missing, or not a number, does not hold. The model passes if all rules do.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeGuard

from leapline.evaluation.metrics import Metrics

# Nobody predicts people this well: a feature knows the future.
SUSPICIOUS_ROC_AUC = 0.999
MIN_DISTINCT_SCORES = 10


@dataclass(frozen=True)
class Rule:
    """One condition.

    Attributes:
        name: the field's name of what is looked at.
        value: what was found; None if there is nothing.
        limit: what it was compared with, in words and numbers ("at least 0.88").
        passed: whether it holds.
        why: one sentence that says so to a reader who knows nothing else.
    """

    name: str
    value: float | None
    limit: str
    passed: bool
    why: str


@dataclass(frozen=True)
class Verdict:
    """All rules, and what follows from them."""

    passed: bool
    summary: str
    rules: tuple[Rule, ...]

    def as_dict(self) -> dict[str, Any]:
        """For a JSON file: `{"passed", "summary", "rules": [...]}`."""
        return {"passed": self.passed, "summary": self.summary, "rules": [asdict(rule) for rule in self.rules]}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Verdict":
        """Back from the JSON file."""
        return cls(content["passed"], content["summary"], tuple(Rule(**rule) for rule in content["rules"]))


@dataclass(frozen=True)
class Limits:
    """What a model has to reach.

    Attributes:
        roc_auc: least ROC AUC on the holdout.
        min_positives: fewest buyers, and fewest others, to judge on.
    """

    roc_auc: float
    min_positives: int


def decide(metrics: Metrics, limits: Limits, training_days: Sequence[str], largest_tree: int | None = None) -> Verdict:
    """Judge a model.

    Args:
        metrics: on the holdout.
        limits: what to reach.
        training_days: the days trained on, ISO dates.
        largest_tree: number of nodes of the forest's largest tree; None if the model is no forest.
    """
    negatives = metrics.examples - metrics.positives
    rules = [
        _at_least("roc_auc", metrics.roc_auc, limits.roc_auc, metrics.missing.get("roc_auc"), "ROC AUC"),
        _below(
            "suspicious_roc_auc",
            metrics.roc_auc,
            SUSPICIOUS_ROC_AUC,
            metrics.missing.get("roc_auc"),
            "ROC AUC",
            "a model this good has probably seen the answer in a feature",
        ),
        _at_least("positives", metrics.positives, limits.min_positives, None, "buyers in the holdout"),
        _at_least("negatives", negatives, limits.min_positives, None, "non-buyers in the holdout"),
        _at_least("training_days", len(training_days), 1, None, "days trained on"),
        _below(
            "invalid_scores", metrics.invalid_scores, 1, None, "scores that are no probabilities", "the model is broken"
        ),
        _at_least("distinct_scores", metrics.distinct_scores, MIN_DISTINCT_SCORES, None, "different scores"),
        _below(
            "log_loss",
            metrics.log_loss,
            metrics.base_log_loss,
            metrics.missing.get("log_loss"),
            "log loss of the calibrated probabilities",
            "always forecasting the share of buyers would do as well",
        ),
    ]
    if largest_tree is not None:
        rules.append(_at_least("largest_tree", largest_tree, 3, None, "nodes in the largest tree"))
    return conclude(rules)


def conclude(rules: Sequence[Rule]) -> Verdict:
    """The verdict over these rules; no rules at all do not pass."""
    failed = [rule for rule in rules if not rule.passed]
    if not rules:
        return Verdict(False, "Refused: nothing was checked.", ())
    if failed:
        more = f" ({len(failed) - 1} more rule{'s' * (len(failed) > 2)} failed)" if len(failed) > 1 else ""
        return Verdict(False, f"Refused: {failed[0].why}{more}.", tuple(rules))
    return Verdict(True, f"Passed all {len(rules)} rules: {rules[0].why}.", tuple(rules))


def _at_least(name: str, value: float | None, limit: float, missing: str | None, noun: str) -> Rule:
    text = f"at least {_short(limit)}"
    if not _is_number(value):
        return Rule(name, None, text, False, _no_number(noun, missing))
    return _rule(name, value, text, value >= limit, noun)


def _below(name: str, value: float | None, limit: float | None, missing: str | None, noun: str, otherwise: str) -> Rule:
    if not _is_number(value) or not _is_number(limit):
        return Rule(name, None, "below a known number", False, _no_number(noun, missing))
    return _rule(name, value, f"below {_short(limit)}", value < limit, noun, f"; {otherwise}")


def _rule(name: str, value: float, limit: str, passed: bool, noun: str, otherwise: str = "") -> Rule:
    found = f"{noun}: {_short(value)}"
    return Rule(
        name, value, limit, passed, f"{found} ({limit})" if passed else f"{found}, but {limit} is asked{otherwise}"
    )


def _no_number(noun: str, missing: str | None) -> str:
    return f"{noun}: unknown, since {missing or 'it is not a number'}"


def _is_number(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _short(value: float) -> str:
    return f"{value:.6g}"
