"""The verdict: whether a model may be published, and why, as data.

A rule holds or it does not; a number that is missing, or not a number, does not hold. The model passes if all rules do.
Which rules there are depends on what there is to judge: without a champion the rules that need none decide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from leapline.evaluation.bootstrap import Comparison
from leapline.evaluation.champion import Rival
from leapline.evaluation.metrics import Metrics
from leapline.evaluation.rules import Rule, above, at_least, below, refuse, short
from leapline.evaluation.slices import Slice

MIN_DISTINCT_SCORES = 10
CHAMPION_RULE = "champion"


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
        """Back from the JSON file, which may say more than this."""
        return cls(content["passed"], content["summary"], tuple(Rule(**rule) for rule in content["rules"]))


@dataclass(frozen=True)
class Limits:
    """What a model has to reach.

    Attributes:
        roc_auc: least ROC AUC on the holdout.
        max_roc_auc: nobody predicts people this well: from here on a feature probably knows the future.
        min_positives: fewest buyers, and fewest others, to judge on.
        precision_lift: least average precision, in multiples of the share of buyers.
        calibration_error: greatest calibration error.
        importance: greatest share of the importance that one feature may carry.
        slice_roc_auc: least ROC AUC within a slice.
        slice_positives: fewest buyers, and fewest others, of a slice that is judged.
        champion_margin: how far below the champion's ROC AUC the interval of the difference may reach.
        baseline_gain: how far above the baseline's ROC AUC the whole interval of the difference must lie.
    """

    roc_auc: float = 0.88
    max_roc_auc: float = 0.999
    min_positives: int = 30
    precision_lift: float = 2.0
    calibration_error: float = 0.03
    importance: float = 0.9
    slice_roc_auc: float = 0.7
    slice_positives: int = 20
    champion_margin: float = 0.01
    baseline_gain: float = 0.0


@dataclass(frozen=True)
class Evidence:
    """What is known of a model.

    Attributes:
        metrics: on the holdout.
        training_days: the days trained on, ISO dates.
        largest_tree: number of nodes of the forest's largest tree; None if the model is no forest.
        importances: feature -> share; empty if the model has none.
        slices: the holdout by kind of session.
        champion: the champion on the same holdout; None to judge without one.
        baseline: the candidate against the baseline on the same holdout; None if there is no baseline.
    """

    metrics: Metrics
    training_days: Sequence[str]
    largest_tree: int | None = None
    importances: Mapping[str, float] = field(default_factory=dict)
    slices: Sequence[Slice] = ()
    champion: Rival | None = None
    baseline: Comparison | None = None


def decide(evidence: Evidence, limits: Limits) -> Verdict:
    """Judge a model."""
    rules = [
        *_good_enough(evidence.metrics, limits),
        *_against_others(evidence, limits),
        *_enough_data(evidence, limits),
        *_not_degenerate(evidence, limits),
        *_slices(evidence.slices, limits),
    ]
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


def without_champion(verdict: Verdict) -> Verdict:
    """What the verdict is by the model alone: the part that the same days, settings and code always give again."""
    return conclude([rule for rule in verdict.rules if rule.name != CHAMPION_RULE])


def _good_enough(metrics: Metrics, limits: Limits) -> list[Rule]:
    missing = metrics.missing
    lift = limits.precision_lift
    no_skill = metrics.prevalence * lift if metrics.prevalence is not None else None
    return [
        at_least("roc_auc", metrics.roc_auc, limits.roc_auc, "ROC AUC", missing.get("roc_auc")),
        at_least(
            "average_precision",
            metrics.average_precision,
            no_skill,
            f"average precision, against {short(lift)} times the share of buyers",
            missing.get("average_precision"),
        ),
        below(
            "calibration_error",
            metrics.calibration_error,
            limits.calibration_error,
            "calibration error",
            "the probabilities are not what happens",
            missing.get("calibration_error"),
        ),
        below(
            "log_loss",
            metrics.log_loss,
            metrics.base_log_loss,
            "log loss of the calibrated probabilities",
            "always forecasting the share of buyers would do as well",
            missing.get("log_loss"),
        ),
    ]


def _against_others(evidence: Evidence, limits: Limits) -> list[Rule]:
    rules = []
    if evidence.champion is not None and evidence.champion.state in ("compared", "unknown"):
        rules.append(_champion(evidence.champion, limits.champion_margin))
    if evidence.baseline is not None:
        low = evidence.baseline.interval[0] if evidence.baseline.interval else None
        rules.append(
            above("baseline", low, limits.baseline_gain, "lower end of the interval of ROC AUC minus the baseline's")
        )
    return rules


def _champion(champion: Rival, margin: float) -> Rule:
    """Not worse: the whole interval of the difference lies above minus the margin."""
    limit = f"above -{short(margin)}"
    compared = champion.comparison
    if champion.state == "unknown":
        return refuse(CHAMPION_RULE, limit, f"the champion could not be compared with: {champion.why}")
    if compared is None or compared.interval is None:
        return refuse(CHAMPION_RULE, limit, "the difference from the champion has no interval")
    low, high = compared.interval
    found = f"ROC AUC minus champion {champion.model_id}'s: {compared.difference:+.4f} ({low:+.4f} to {high:+.4f})"
    if low > -margin:
        word = "better" if low > 0 else "not worse"
        return Rule(CHAMPION_RULE, low, limit, True, f"{found}, {word} by the whole interval (limit: {limit})")
    word = "worse" if high < 0 else "perhaps worse"
    return Rule(CHAMPION_RULE, low, limit, False, f"{found}: {word}, the interval must lie {limit}")


def _enough_data(evidence: Evidence, limits: Limits) -> list[Rule]:
    metrics, least = evidence.metrics, limits.min_positives
    return [
        at_least("positives", metrics.positives, least, "buyers in the holdout"),
        at_least("negatives", metrics.examples - metrics.positives, least, "non-buyers in the holdout"),
        at_least("training_days", len(evidence.training_days), 1, "days trained on"),
    ]


def _not_degenerate(evidence: Evidence, limits: Limits) -> list[Rule]:
    metrics = evidence.metrics
    rules = [
        below(
            "suspicious_roc_auc",
            metrics.roc_auc,
            limits.max_roc_auc,
            "ROC AUC",
            "a model this good has probably seen the answer in a feature",
            metrics.missing.get("roc_auc"),
        ),
        below("invalid_scores", metrics.invalid_scores, 1, "scores that are no probabilities", "the model is broken"),
        at_least("distinct_scores", metrics.distinct_scores, MIN_DISTINCT_SCORES, "different scores"),
    ]
    if evidence.largest_tree is not None:
        rules.append(at_least("largest_tree", evidence.largest_tree, 3, "nodes in the largest tree"))
    if len(evidence.importances) > 1:
        top = max(evidence.importances, key=lambda name: evidence.importances[name])
        share, noun = evidence.importances[top], f"share of the importance that {top} carries"
        rules.append(below("top_importance", share, limits.importance, noun, "one feature decides nearly alone"))
    return rules


def _slices(slices: Sequence[Slice], limits: Limits) -> list[Rule]:
    """One rule a way of dividing, about its worst slice; slices too small to judge are left out."""
    least = limits.slice_positives
    judged = [s for s in slices if s.positives >= least and s.examples - s.positives >= least]
    rules = []
    for by in dict.fromkeys(s.by for s in judged):
        worst = min((s for s in judged if s.by == by), key=lambda s: -1.0 if s.roc_auc is None else s.roc_auc)
        noun = f"ROC AUC within {worst.name} ({worst.positives} buyers of {worst.examples} sessions)"
        rules.append(at_least(f"slice {by}", worst.roc_auc, limits.slice_roc_auc, noun))
    return rules
