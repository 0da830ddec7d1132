"""Rules about what the scorer answers: during a session, as a probability, and about the viewed items.

Where the holdout has few buyers, an interval is wide. A rule that compares with the baseline or with a band therefore
fails if the whole interval is on the wrong side: a good model is not refused for a lack of data, and with more data a
smaller fault is refused. What must be proven, such as that the item model beats random choice, is required of the other
end. Groups with too few buyers are skipped, visibly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from leapline.evaluation.calibration_ratio import CalibrationRatio
from leapline.evaluation.item_rules import ItemEvidence, ItemLimits, item_rules
from leapline.evaluation.ratio_rule import ratio_rule
from leapline.evaluation.rules import Rule, above, is_number, refuse, skip
from leapline.evaluation.session_progress import Progress
from leapline.formatting import change, count, number, number_beside


@dataclass(frozen=True)
class ServedLimits:
    """The limits of these rules.

    Attributes:
        progress_positives: groups by events so far with fewer examples of buying sessions, or of others, are skipped.
        progress_loss: in a group, the upper end of the interval of the difference from the baseline must be at least
            minus this.
        progress_roc_auc: in the worst group, the lower end of the interval of ROC AUC must exceed this.
        progress_floor_positives: groups with fewer examples of buying sessions, or of others, are skipped there: their
            intervals are too wide to prove anything.
        calibration_ratio: the interval of mean forecast / prevalence must overlap 1 / this to this.
        items: the limits of the item model.
    """

    progress_positives: int = 20
    progress_loss: float = 0.02
    progress_roc_auc: float = 0.5
    progress_floor_positives: int = 100
    calibration_ratio: float = 1.2
    items: ItemLimits = field(default_factory=ItemLimits)


@dataclass(frozen=True)
class ServedEvidence:
    """The input of these rules.

    Attributes:
        progress: ranking quality by number of events so far.
        calibration: mean forecast and prevalence, over whole sessions and beginnings of sessions.
        items: about the item model; None without one.
    """

    progress: Sequence[Progress]
    calibration: CalibrationRatio
    items: ItemEvidence | None = None


def served_rules(evidence: ServedEvidence, limits: ServedLimits) -> list[Rule]:
    """Check the rules; those of the item model only if there is one."""
    noun = "mean forecast / prevalence, over whole sessions and beginnings of sessions"
    return [
        ratio_rule("calibration_ratio", evidence.calibration, limits.calibration_ratio, noun),
        *(_against_baseline(group, limits) for group in evidence.progress),
        _worst_group(evidence.progress, limits),
        *(item_rules(evidence.items, limits.items, limits.calibration_ratio) if evidence.items else []),
    ]


def _has(group: Progress, positives: int) -> bool:
    return min(group.positives, group.examples - group.positives) >= positives


def _size(group: Progress) -> str:
    return f"after {group.events} events ({count(group.positives)} buying of {count(group.examples)} examples)"


def _against_baseline(group: Progress, limits: ServedLimits) -> Rule:
    name, least = f"progress {group.events}", -limits.progress_loss
    limit = f"upper end at least {number(least)}"
    noun = f"ROC AUC minus the Markov baseline's {_size(group)}"
    if not _has(group, limits.progress_positives):
        return skip(name, limit, f"{noun}: fewer than {limits.progress_positives} of a kind")
    if group.difference_interval is None or not is_number(group.difference_interval[1]):
        return refuse(name, limit, f"{noun}: not available, there is no interval")
    low, high = group.difference_interval
    measured = f"{noun}: {change(group.difference)} (95 % interval {change(low)} to {number_beside(high, least)})"
    if high >= least:
        return Rule(name, high, limit, True, f"{measured} (required {limit})")
    return Rule(name, high, limit, False, f"{measured}, required {limit}; the order of pages alone ranks better")


def _worst_group(groups: Sequence[Progress], limits: ServedLimits) -> Rule:
    """Require that the worst of the large groups is ranked better than at random."""
    name, least, minimum = "progress_roc_auc", limits.progress_roc_auc, limits.progress_floor_positives
    large = [group for group in groups if _has(group, minimum)]
    if not large:
        noun = "ROC AUC by number of events, lower end of the 95 % interval"
        return skip(name, f"above {number(least)}", f"{noun}: no group has {minimum} examples of each kind")
    worst = min(large, key=lambda group: _lower_end(group) or 0.0)
    noun = f"ROC AUC {_size(worst)}, lower end of the 95 % interval"
    return above(name, _lower_end(worst), least, noun, "it could not be computed")


def _lower_end(group: Progress) -> float | None:
    """Return the lower end of the interval; the value itself at 0 and 1, where there is no interval."""
    return group.interval[0] if group.interval else group.roc_auc
