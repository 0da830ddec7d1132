"""Limits that a run was started with and that are looser than the installation's.

A run may always be stricter. Who loosens a limit is named at the rule, in the card, on the page and in the ledger.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from leapline.evaluation.rules import Rule
from leapline.settings import Settings

LOWER, HIGHER, OFF, ON = "lower", "higher", "off", "on"
LOOSER: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "roc_auc_threshold": (LOWER, ("roc_auc",)),
    "min_positives": (LOWER, ("positives", "negatives")),
    "max_roc_auc": (HIGHER, ("suspicious_roc_auc",)),
    "min_precision_lift": (LOWER, ("average_precision",)),
    "max_calibration_error": (HIGHER, ("calibration_error",)),
    "max_importance": (HIGHER, ("top_importance",)),
    "min_slice_roc_auc": (LOWER, ("slice ",)),
    "slice_min_positives": (HIGHER, ("slice ", "feature_persistence")),
    "compare_champion": (OFF, ("roc_auc",)),
    "champion_margin": (HIGHER, ("champion",)),
    "min_baseline_gain": (LOWER, ("baseline",)),
    "roc_auc_confidence": (LOWER, ("roc_auc",)),
    "min_effective_buyers": (LOWER, ("effective_positives", "effective_negatives")),
    "best_champion_days": (LOWER, ("roc_auc",)),
    "best_champion_margin": (HIGHER, ("champion_best",)),
    "champion_precision_margin": (HIGHER, ("champion_average_precision",)),
    "max_calibration_ratio": (HIGHER, ("calibration_ratio", "item_calibration_ratio")),
    "progress_min_positives": (HIGHER, ("progress ",)),
    "max_progress_loss": (HIGHER, ("progress ",)),
    "min_progress_roc_auc": (LOWER, ("progress_roc_auc",)),
    "progress_floor_positives": (HIGHER, ("progress_roc_auc",)),
    "min_item_positives": (HIGHER, ("item_positives", "item_choice", "item_choice_recent")),
    "min_item_roc_auc": (LOWER, ("item_roc_auc",)),
    "max_feature_roc_auc": (HIGHER, ("feature_roc_auc",)),
    "max_feature_certainty": (HIGHER, ("feature_certainty",)),
    "min_feature_persistence": (LOWER, ("feature_persistence",)),
    "max_latency_ms": (HIGHER, ("probe_latency",)),
    "probe_tolerance": (HIGHER, ("probe_parity", "probe_platform ")),
    "publish_untested": (ON, ("probe_platform ",)),
}
"""Setting -> what makes it looser, and the rules with the note; a name that ends with a space begins several."""


@dataclass(frozen=True)
class Loosened:
    """A limit that was loosened for a run.

    Attributes:
        setting: its name.
        value: of this run.
        usual: of the installation.
    """

    setting: str
    value: Any
    usual: Any

    def __str__(self) -> str:
        """Return it as a part of a sentence."""
        return f"{self.setting} is {self.value} instead of {self.usual}"


def loosened(settings: Settings, usual: Settings | None = None) -> list[Loosened]:
    """Return the limits that were loosened for this run.

    Args:
        settings: of the run.
        usual: of the installation; loaded if None.

    Raises:
        SettingsError: a setting of the installation is wrong.
    """
    names = [name for name in LOOSER if name in settings.overridden]
    if not names:
        return []
    usual = usual or Settings.load()
    pairs = [Loosened(name, getattr(settings, name), getattr(usual, name)) for name in names]
    return [pair for pair in pairs if _is_looser(LOOSER[pair.setting][0], pair)]


def with_notes(rules: Sequence[Rule], settings: Settings, who: str) -> tuple[Rule, ...]:
    """Return the rules with a note at each whose limit was loosened.

    Args:
        rules: with their outcomes.
        settings: of the run.
        who: started the run.
    """
    limits = loosened(settings)
    return tuple(replace(rule, note="; ".join(_notes(rule, limits, who))) for rule in rules)


def _notes(rule: Rule, limits: Sequence[Loosened], who: str) -> list[str]:
    return [f"loosened by {who}: {limit}" for limit in limits if _limits(limit.setting, rule.name)]


def notes_of(verdict: Mapping[str, Any]) -> str:
    """Return the notes of a verdict document's rules as one text, each once."""
    notes = dict.fromkeys(rule.get("note", "") for rule in verdict["rules"])
    return "; ".join(filter(None, notes))


def _is_looser(direction: str, limit: Loosened) -> bool:
    if direction in (OFF, ON):
        return bool(limit.value == (direction == ON) and limit.value != limit.usual)
    return bool(limit.value < limit.usual if direction == LOWER else limit.value > limit.usual)


def _limits(setting: str, rule: str) -> bool:
    return any(rule.startswith(name) if name.endswith(" ") else rule == name for name in LOOSER[setting][1])
