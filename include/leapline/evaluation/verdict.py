"""The verdict: whether a model may be published, and why, as data.

A rule passes or fails; a missing value, or one that is not a finite number, fails. The model passes if all rules pass.
The evidence determines which rules apply: without a champion, the other rules decide. A rule about slices that are all
too small has no value and passes, which it states.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from leapline.evaluation.best_champion import BestChampion
from leapline.evaluation.bootstrap import Comparison
from leapline.evaluation.champion import ChampionComparison
from leapline.evaluation.champion_precision import champion_precision_rules
from leapline.evaluation.champion_rules import CHAMPION_RULE, champion_rules
from leapline.evaluation.leakage import Leakage
from leapline.evaluation.leakage_rules import LeakageLimits, leakage_rules
from leapline.evaluation.luck_rules import effective_size_rules, roc_auc_rule
from leapline.evaluation.metrics import Metrics
from leapline.evaluation.rules import Rule, above, at_least, below
from leapline.evaluation.served_rules import ServedEvidence, ServedLimits, served_rules
from leapline.evaluation.slice_rules import slice_rules
from leapline.evaluation.slices import Slice
from leapline.formatting import number

MIN_DISTINCT_SCORES = 10
Stage = Literal["final", "gate", "model"]


@dataclass(frozen=True)
class Verdict:
    """All rules, and the conclusion from them."""

    passed: bool
    summary: str
    rules: tuple[Rule, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the content of the JSON file: `{"passed", "summary", "rules": [...]}`."""
        return {"passed": self.passed, "summary": self.summary, "rules": [asdict(rule) for rule in self.rules]}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Verdict":
        """Return the verdict from the content of a JSON file, which may have further keys."""
        return cls(content["passed"], content["summary"], tuple(Rule(**rule) for rule in content["rules"]))


@dataclass(frozen=True)
class Limits:
    """The limits of the rules.

    Attributes:
        roc_auc: minimum ROC AUC on the holdout.
        roc_auc_confidence: level of the lower confidence bound that the minimum is required of; 0.5: of the value.
        max_roc_auc: a ROC AUC at or above this is treated as label leakage.
        min_positives: minimum number of buying sessions, and of other sessions, in the holdout.
        min_effective: minimum of Kish's effective number of visitors in each class.
        precision_lift: minimum average precision, as a multiple of the prevalence.
        calibration_error: the calibration error must be below this.
        importance: the importance of each single feature must be below this share.
        slice_roc_auc: minimum ROC AUC within a slice.
        slice_positives: slices with fewer buying sessions, or fewer other sessions, are judged together.
        champion_margin: non-inferiority margin: the lower end of the interval of the difference from the champion must
            exceed minus this.
        best_champion_margin: the same for the best champion of the last days.
        baseline_gain: the lower end of the interval of the difference from the baseline must exceed this.
        champion_precision_margin: the same margin for average precision, as a share of the champion's.
        served: limits of the rules about what the scorer answers.
        leakage: the limits of single features.
    """

    roc_auc: float = 0.88
    roc_auc_confidence: float = 0.9
    max_roc_auc: float = 0.999
    min_positives: int = 30
    min_effective: float = 20.0
    precision_lift: float = 2.0
    calibration_error: float = 0.03
    importance: float = 0.9
    slice_roc_auc: float = 0.7
    slice_positives: int = 20
    champion_margin: float = 0.01
    best_champion_margin: float = 0.02
    baseline_gain: float = 0.0
    champion_precision_margin: float = 0.15
    served: ServedLimits = field(default_factory=ServedLimits)
    leakage: LeakageLimits = field(default_factory=LeakageLimits)


@dataclass(frozen=True)
class Evidence:
    """The input of the rules.

    Attributes:
        metrics: on the holdout.
        training_days: the training days, ISO dates.
        largest_tree: number of nodes of the forest's largest tree; None if the model is not a forest.
        importances: feature -> share; empty if the model has none.
        slices: metrics of the holdout's slices.
        champion: the champion on the same holdout; None to decide without one.
        baseline: candidate minus baseline on the same holdout; None if there is no baseline.
        best_champion: the best champion of the last days on the same holdout; None to decide without one.
        served: quality during sessions, calibration in the large, and the item model; None to decide without them.
        leakage: measurements of single features; None to decide without them.
    """

    metrics: Metrics
    training_days: Sequence[str]
    largest_tree: int | None = None
    importances: Mapping[str, float] = field(default_factory=dict)
    slices: Sequence[Slice] = ()
    champion: ChampionComparison | None = None
    baseline: Comparison | None = None
    best_champion: BestChampion | None = None
    served: ServedEvidence | None = None
    leakage: Leakage | None = None


def decide(evidence: Evidence, limits: Limits) -> Verdict:
    """Check all rules of the gate. A candidate that passes is then probed, and `conclude` has the final verdict."""
    rules = [
        *_quality(evidence.metrics, limits),
        *_comparisons(evidence, limits),
        *_data_sizes(evidence, limits),
        *_plausibility(evidence, limits),
        *slice_rules(evidence.slices, limits.slice_roc_auc, limits.slice_positives),
        *(served_rules(evidence.served, limits.served) if evidence.served else []),
        *leakage_rules(evidence.leakage, limits.leakage),
    ]
    return conclude(rules, "gate")


def conclude(rules: Sequence[Rule], stage: Stage = "final") -> Verdict:
    """Return the verdict over these rules; without any rule it is not passed.

    Args:
        rules: with their outcomes.
        stage: "final" if the list is complete; "gate" without the rules of the image, which the probe adds; "model"
            without those and without the champion. Only a final summary counts the rules, so that there is one number.
    """
    failed = [rule for rule in rules if not rule.passed]
    if not rules:
        return Verdict(False, "Refused: no rule was checked.", ())
    if failed:
        more = f" ({len(failed) - 1} more rule{'s' * (len(failed) > 2)} failed)" if len(failed) > 1 else ""
        return Verdict(False, f"Refused: {failed[0].why}{more}.", tuple(rules))
    passed = {
        "final": _count(rules),
        "gate": "Passed the gate, to be probed",
        "model": "Passed every rule about the model itself",
    }
    return Verdict(True, f"{passed[stage]}: {rules[0].why}.", tuple(rules))


def _count(rules: Sequence[Rule]) -> str:
    """Count the rules that were checked, and apart from them those for which the holdout has too little data."""
    unchecked = sum(rule.value is None for rule in rules)
    apart = f" ({unchecked} not checked for lack of data)" if unchecked else ""
    return f"Passed all {len(rules) - unchecked} rules{apart}"


def without_champion(verdict: Verdict) -> Verdict:
    """Return the part of a verdict that is reproducible from days, settings and code: without the champion's rules."""
    rules = [replace(rule, note="") for rule in verdict.rules if not rule.name.startswith(CHAMPION_RULE)]
    return conclude(rules, "model")


def _quality(metrics: Metrics, limits: Limits) -> list[Rule]:
    missing = metrics.missing
    lift = limits.precision_lift
    min_precision = metrics.prevalence * lift if metrics.prevalence is not None else None
    return [
        roc_auc_rule(metrics, limits.roc_auc, limits.roc_auc_confidence),
        at_least(
            "average_precision",
            metrics.average_precision,
            min_precision,
            "average precision",
            missing.get("average_precision"),
            note=f", {number(lift)} times the prevalence",
        ),
        below(
            "calibration_error",
            metrics.calibration_error,
            limits.calibration_error,
            "calibration error",
            "probabilities are miscalibrated",
            missing.get("calibration_error"),
        ),
        below(
            "log_loss",
            metrics.log_loss,
            metrics.base_log_loss,
            "log loss",
            "a constant forecast of the prevalence is as good",
            missing.get("log_loss"),
        ),
    ]


def _comparisons(evidence: Evidence, limits: Limits) -> list[Rule]:
    margins = limits.champion_margin, limits.best_champion_margin
    rules = champion_rules(evidence.champion, evidence.best_champion, *margins)
    candidate, margin = evidence.metrics.average_precision, limits.champion_precision_margin
    rules += champion_precision_rules(evidence.champion, candidate, margin)
    if evidence.baseline is not None:
        low = evidence.baseline.interval[0] if evidence.baseline.interval else None
        noun = "ROC AUC minus the Markov baseline's, lower end of the 95 % interval"
        rules.append(above("baseline", low, limits.baseline_gain, noun))
    return rules


def _data_sizes(evidence: Evidence, limits: Limits) -> list[Rule]:
    metrics, minimum = evidence.metrics, limits.min_positives
    negatives = metrics.examples - metrics.positives
    return [
        at_least("positives", metrics.positives, minimum, "buying sessions in the holdout"),
        at_least("negatives", negatives, minimum, "sessions without a purchase in the holdout"),
        *effective_size_rules(metrics, limits.min_effective),
        at_least("training_days", len(evidence.training_days), 1, "training days"),
    ]


def _plausibility(evidence: Evidence, limits: Limits) -> list[Rule]:
    metrics = evidence.metrics
    rules = [
        below(
            "suspicious_roc_auc",
            metrics.roc_auc,
            limits.max_roc_auc,
            "ROC AUC",
            "a feature probably leaks the label",
            metrics.missing.get("roc_auc"),
        ),
        below("invalid_scores", metrics.invalid_scores, 1, "scores outside [0, 1]", "the model is broken"),
        at_least("distinct_scores", metrics.distinct_scores, MIN_DISTINCT_SCORES, "distinct scores"),
    ]
    if evidence.largest_tree is not None:
        rules.append(at_least("largest_tree", evidence.largest_tree, 3, "nodes in the largest tree"))
    if len(evidence.importances) > 1:
        top = max(evidence.importances, key=lambda name: evidence.importances[name])
        share, noun = evidence.importances[top], f"importance of the top feature, {top}"
        rules.append(below("top_importance", share, limits.importance, noun, "one feature decides almost alone"))
    return rules
