"""Rules about what the scorer answers: during sessions, as probabilities, and about items."""

import math
from dataclasses import replace
from typing import Any

import pytest

from leapline.evaluation.calibration_ratio import CalibrationRatio
from leapline.evaluation.item_choices import ItemChoices
from leapline.evaluation.item_rules import ItemEvidence, ItemLimits
from leapline.evaluation.rules import Rule
from leapline.evaluation.served_rules import ServedEvidence, ServedLimits, served_rules
from leapline.evaluation.session_progress import Progress
from tests.evaluation.test_verdict import GOOD

EARLY = Progress("1 to 4", 3260, 42, 0.64, (0.56, 0.71), 0.62, 0.02, (-0.1, 0.14))
LATE = Progress("20 and more", 931, 193, 0.84, (0.81, 0.87), 0.75, 0.09, (0.05, 0.13))
EVEN = CalibrationRatio(0.055, 0.05, 1.1, (0.97, 1.24))
CHOICES = ItemChoices(90, 0.97, 0.4, (0.5, 0.64), 0.7, (0.17, 0.37))
ITEMS = ItemEvidence(GOOD, EVEN, CHOICES)
EVIDENCE = ServedEvidence([EARLY, LATE], EVEN, ITEMS)


def rules(limits: ServedLimits | None = None, **change: Any) -> dict[str, Rule]:
    checked = served_rules(replace(EVIDENCE, **change), limits or ServedLimits())
    assert len({rule.name for rule in checked}) == len(checked)
    return {rule.name: rule for rule in checked}


def failed(limits: ServedLimits | None = None, **change: Any) -> list[str]:
    return [name for name, rule in rules(limits, **change).items() if not rule.passed]


def items(limits: ServedLimits | None = None, **change: Any) -> list[str]:
    return failed(limits, items=replace(ITEMS, **change))


def test_good_model_passes_every_rule() -> None:
    assert failed() == []
    assert list(rules(items=None)) == [
        "calibration_ratio",
        "progress 1 to 4",
        "progress 20 and more",
        "progress_roc_auc",
    ]
    why = rules()["progress 1 to 4"].why
    assert why == (
        "ROC AUC minus the Markov baseline's after 1 to 4 events (42 buying of 3,260 examples): +0.020 "
        "(95 % interval -0.100 to 0.14) (required upper end at least -0.02)"
    )


@pytest.mark.parametrize(
    ("ratio", "interval", "passed"),
    [
        (1.48, (1.3, 1.68), False),
        (1.48, (1.19, 1.84), True),
        (0.6, (0.5, 0.72), False),
        (0.8, (0.7, 0.92), True),
        (None, None, False),
        (math.inf, None, False),
        (1.0, (math.nan, math.nan), False),
    ],
)
def test_calibration_ratio(ratio: float | None, interval: tuple[float, float] | None, passed: bool) -> None:
    measured = CalibrationRatio(0.05, 0.05, ratio, interval)
    assert ("calibration_ratio" not in failed(calibration=measured)) is passed
    assert ("item_calibration_ratio" not in items(calibration=measured)) is passed


def test_calibration_ratio_states_the_direction() -> None:
    high, low = (rules(calibration=CalibrationRatio(1, 1, r, (r, r)))["calibration_ratio"].why for r in (1.5, 0.5))
    assert high.endswith(
        ": 1.5 (95 % interval 1.500 to 1.500), required interval overlaps 0.833 to 1.2; probabilities are too high"
    )
    assert low.endswith("probabilities are too low")
    wide = ServedLimits(calibration_ratio=2)
    assert failed(wide, calibration=CalibrationRatio(1, 1, 1.5, (1.5, 1.5))) == []


def test_group_significantly_worse_than_the_baseline_is_refused() -> None:
    worse = replace(EARLY, roc_auc=0.5, interval=(0.42, 0.58), difference=-0.12, difference_interval=(-0.2, -0.04))
    assert failed(progress=[worse, LATE]) == ["progress 1 to 4"]
    assert failed(ServedLimits(progress_loss=0.04), progress=[worse, LATE]) == []
    assert failed(ServedLimits(progress_positives=43), progress=[worse, LATE]) == []


def test_small_group_is_skipped_visibly() -> None:
    few = Progress("1 to 4", 900, 15, 0.4, (0.3, 0.5), 0.7, -0.3, (-0.4, -0.2))
    rule = rules(progress=[few, LATE])["progress 1 to 4"]
    assert (rule.passed, rule.value) == (True, None)
    assert "(15 buying of 900 examples): fewer than 20 of a kind; not checked" in rule.why
    without_others = replace(few, examples=60, positives=45)
    assert failed(progress=[without_others]) == []
    assert "no group has 100 examples" in rules(progress=[few])["progress_roc_auc"].why


def test_large_group_must_be_better_than_chance() -> None:
    random = Progress("1 to 4", 9000, 120, 0.51, (0.46, 0.56), 0.52, -0.01, (-0.06, 0.04))
    assert failed(progress=[random, LATE]) == ["progress_roc_auc"]
    assert (
        "after 1 to 4 events (120 buying of 9,000 examples)" in rules(progress=[random, LATE])["progress_roc_auc"].why
    )
    assert failed(ServedLimits(progress_floor_positives=121), progress=[random, LATE]) == []
    assert failed(ServedLimits(progress_roc_auc=0.45), progress=[random, LATE]) == []
    perfect = replace(random, roc_auc=1.0, interval=None, difference=0.4, difference_interval=(0.3, 0.5))
    assert failed(progress=[perfect, LATE]) == []


@pytest.mark.parametrize("broken", [{"difference_interval": None}, {"difference_interval": (math.nan, math.nan)}])
def test_missing_comparison_of_a_large_group_fails(broken: dict[str, Any]) -> None:
    assert failed(progress=[EARLY, replace(LATE, **broken)]) == ["progress 20 and more"]
    missing = Progress("1 to 4", 3000, 200)
    assert failed(progress=[missing, LATE]) == ["progress 1 to 4", "progress_roc_auc"]


def test_item_rules() -> None:
    assert items(metrics=replace(GOOD, roc_auc=0.5, roc_auc_interval=(0.44, 0.56))) == ["item_roc_auc"]
    assert items(metrics=replace(GOOD, roc_auc=None, roc_auc_interval=None)) == ["item_roc_auc"]
    assert items(metrics=replace(GOOD, roc_auc=1.0, roc_auc_interval=None)) == []
    assert items(metrics=replace(GOOD, log_loss=0.2)) == ["item_log_loss"]
    assert items(metrics=replace(GOOD, invalid_scores=1, distinct_scores=9)) == [
        "item_invalid_scores",
        "item_distinct_scores",
    ]
    assert items(choices=replace(CHOICES, first=0.42, random_interval=(-0.08, 0.12))) == ["item_choice"]
    assert items(choices=replace(CHOICES, recent_interval=(-0.2, -0.05))) == ["item_choice_recent"]
    assert items(choices=replace(CHOICES, random_interval=None, recent_interval=None)) == [
        "item_choice",
        "item_choice_recent",
    ]
    assert items(choices=ItemChoices(90)) == ["item_choice", "item_choice_recent"], "broken scores"
    strict = ServedLimits(items=ItemLimits(roc_auc=0.9))
    assert items(strict) == ["item_roc_auc"]


def test_item_model_with_too_few_bought_pairs_is_left_out_and_not_judged() -> None:
    few = replace(GOOD, positives=19, roc_auc=0.4, roc_auc_interval=(0.3, 0.5))
    by_name = rules(items=replace(ITEMS, metrics=few))
    assert [name for name in by_name if name.startswith("item")] == ["item_positives"]
    assert by_name["item_positives"].passed
    assert by_name["item_positives"].why == (
        "bought items in the holdout: 19, too few to judge the item model, which is left out of the archive; "
        "not checked"
    )


def test_few_choices_and_missing_times_are_skipped_visibly() -> None:
    few = rules(items=replace(ITEMS, choices=ItemChoices(7, 0.1, 0.5, (-0.9, -0.1), 0.5, (-0.9, -0.1))))
    for name in ("item_choice", "item_choice_recent"):
        assert few[name].passed and "only 7 sessions choose" in few[name].why
    untimed = rules(items=replace(ITEMS, choices=replace(CHOICES, recent=None, recent_interval=None)))
    assert (
        untimed["item_choice_recent"].passed
        and "no `since` of item views; not checked" in untimed["item_choice_recent"].why
    )
