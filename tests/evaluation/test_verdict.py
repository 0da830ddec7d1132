"""Each rule of the verdict fails closed, for its own reason."""

import json
import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from leapline.evaluation import verdict as v
from leapline.evaluation.best_champion import BestChampion
from leapline.evaluation.bootstrap import Comparison
from leapline.evaluation.champion import ChampionComparison
from leapline.evaluation.metrics import Metrics, measure
from leapline.evaluation.rules import Rule, skip
from leapline.evaluation.slices import Slice

GOOD = Metrics(
    examples=2000,
    positives=100,
    prevalence=0.05,
    roc_auc=0.91,
    roc_auc_interval=(0.89, 0.93),
    average_precision=0.4,
    average_precision_interval=(0.3, 0.5),
    log_loss=0.14,
    base_log_loss=0.2,
    brier=0.04,
    calibration_error=0.01,
    distinct_scores=1500,
    invalid_scores=0,
    visitors=1800,
    effective_positives=95.0,
    effective_negatives=1700.0,
)
LIMITS = v.Limits()
EVIDENCE = v.Evidence(
    GOOD,
    ["2026-03-01", "2026-03-02"],
    largest_tree=51,
    importances={"a": 0.6, "b": 0.4},
    slices=[Slice("device", "Mobile", 900, 60, 0.9, (0.8, 0.95)), Slice("device", "Tablet", 90, 5, 0.2, None)],
)


def champion(difference: float, interval: tuple[float, float] | None) -> ChampionComparison:
    compared = Comparison(difference, interval, 0.9, 0.0, (-0.01, 0.01))
    return ChampionComparison("compared", "scored", "sha256:aa", "2026-03-01-aa", compared)


def best(interval: tuple[float, float] | None, **change: Any) -> BestChampion:
    compared = Comparison(0.0, interval, 0.9, 0.0, None)
    return replace(BestChampion("compared", "scored", 28, "sha256:bb", "2026-02-20-bb", (), compared), **change)


def failed(limits: v.Limits = LIMITS, **change: Any) -> list[str]:
    verdict = v.decide(replace(EVIDENCE, **change), limits)
    assert verdict.passed == all(rule.passed for rule in verdict.rules)
    return [rule.name for rule in verdict.rules if not rule.passed]


def test_passes_good_model() -> None:
    verdict = v.decide(EVIDENCE, LIMITS)
    assert verdict.passed
    assert (
        verdict.summary
        == "Passed the gate, to be probed: ROC AUC: 0.91, with 90 % confidence at least 0.897 (required at least 0.88)."
    )
    assert v.Verdict.from_dict(json.loads(json.dumps(verdict.as_dict() | {"more": 1}))) == verdict
    assert v.decide(v.Evidence(GOOD, ["2026-03-01"]), LIMITS).passed


def test_value_passes_at_threshold_and_fails_just_below() -> None:
    limits = v.Limits(roc_auc_confidence=0.5)
    assert failed(limits, metrics=replace(GOOD, roc_auc=0.88)) == []
    assert failed(limits, metrics=replace(GOOD, roc_auc=math.nextafter(0.88, 0))) == ["roc_auc"]
    assert failed(limits, metrics=replace(GOOD, roc_auc_interval=None)) == []


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ({"roc_auc": None}, ["roc_auc", "suspicious_roc_auc"]),
        ({"roc_auc": math.nan}, ["roc_auc", "suspicious_roc_auc"]),
        ({"roc_auc": 1.0}, ["roc_auc", "suspicious_roc_auc"]),
        ({"roc_auc_interval": None}, ["roc_auc"]),
        ({"effective_positives": 19.9}, ["effective_positives"]),
        ({"effective_negatives": 19.9}, ["effective_negatives"]),
        ({"effective_positives": None}, ["roc_auc", "effective_positives"]),
        ({"average_precision": 0.09}, ["average_precision"]),
        ({"average_precision": None}, ["average_precision"]),
        ({"prevalence": None}, ["average_precision"]),
        ({"calibration_error": 0.03}, ["calibration_error"]),
        ({"calibration_error": None}, ["calibration_error"]),
        ({"positives": 29}, ["positives"]),
        ({"positives": 1990}, ["negatives"]),
        ({"invalid_scores": 1}, ["invalid_scores"]),
        ({"distinct_scores": 1}, ["distinct_scores"]),
        ({"log_loss": 0.2}, ["log_loss"]),
        ({"log_loss": math.inf}, ["log_loss"]),
        ({"base_log_loss": None}, ["log_loss"]),
    ],
)
def test_each_metric_can_fail(change: dict[str, Any], rules: list[str]) -> None:
    assert failed(metrics=replace(GOOD, **change)) == rules


def test_fails_without_training_days_and_for_degenerate_forests() -> None:
    assert failed(training_days=[]) == ["training_days"]
    assert failed(largest_tree=1) == ["largest_tree"]
    assert failed(importances={"leak": 0.97, "b": 0.03}) == ["top_importance"]
    assert failed(importances={"a": math.nan, "b": math.nan}) == ["top_importance"]
    assert failed(importances={"only": 1.0}) == []


def test_limits_are_configurable() -> None:
    loose = v.Limits(
        roc_auc=0.6, max_roc_auc=0.65, min_positives=10, min_effective=12, calibration_error=0.5, importance=1,
        slice_roc_auc=0,
    )  # fmt: skip
    metrics = replace(
        GOOD, roc_auc=0.64, roc_auc_interval=(0.62, 0.66), positives=12, effective_positives=12.0, calibration_error=0.4
    )
    assert failed(metrics=metrics) == ["roc_auc", "calibration_error", "positives", "effective_positives"]
    assert failed(loose, metrics=metrics) == []
    strict = v.Limits(precision_lift=9, importance=0.5, slice_roc_auc=0.95, slice_positives=60)
    assert failed(strict) == ["average_precision", "top_importance", "slice device"]
    assert failed(v.Limits(slice_roc_auc=0.95, slice_positives=61)) == []
    assert failed(v.Limits(best_champion_margin=0.003), best_champion=best((-0.003, 0.01))) == ["champion_best"]
    assert failed(v.Limits(best_champion_margin=0.0031), best_champion=best((-0.003, 0.01))) == []


def test_worst_sufficiently_large_slice_decides() -> None:
    broken = [*EVIDENCE.slices, Slice("device", "TV", 50, 25, 0.52, None), Slice("visitor", "new", 80, 30, 0.8, None)]
    verdict = v.decide(replace(EVIDENCE, slices=broken), LIMITS)
    assert [rule.name for rule in verdict.rules if not rule.passed] == ["slice device"]
    assert "within device TV (25 buying of 50 sessions): 0.52" in verdict.summary
    missing = [Slice("hour", "00-05", 90, 30, None, None)]
    assert failed(slices=missing) == ["slice hour"]


def slice_rule(*slices: Slice) -> Rule:
    [rule] = [r for r in v.decide(replace(EVIDENCE, slices=slices), LIMITS).rules if r.name.startswith("slice")]
    return rule


def test_small_slices_are_judged_together_and_what_is_still_too_small_is_named() -> None:
    large, tablet, tv = (
        Slice("device", "Mobile", 900, 60, 0.9, None), Slice("device", "Tablet", 90, 15, 0.2, None),
        Slice("device", "TV", 40, 6, 0.9, None),
    )  # fmt: skip
    pooled = Slice("device", "pooled", 130, 21, 0.4, None, ("TV", "Tablet"))
    together = slice_rule(large, tablet, tv, pooled)
    assert (together.passed, together.value) == (False, 0.4)
    assert "device pooled (TV, Tablet) (21 buying of 130 sessions): 0.4" in together.why
    alone = slice_rule(large, tablet)
    assert (alone.passed, alone.value) == (True, 0.9)
    left = "not judged, with fewer than 20 buying or other sessions: Tablet (15 buying of 90 sessions)"
    assert alone.why.endswith(left)
    nothing = slice_rule(tablet, tv, replace(pooled, positives=19))
    assert (nothing.passed, nothing.value) == (True, None)
    assert nothing.why == f"ROC AUC by device: {left}, TV (6 buying of 40 sessions)"


@pytest.mark.parametrize(
    ("champion_comparison", "passed", "words"),
    [
        (champion(0.02, (0.01, 0.03)), True, "significantly better"),
        (champion(0.0, (-0.004, 0.004)), True, "not worse"),
        (champion(0.0, (-0.02, 0.02)), False, "may be worse"),
        (champion(-0.05, (-0.06, -0.04)), False, "-0.050 (95 % interval -0.060 to -0.040), significantly worse"),
        (champion(0.02, None), False, "no confidence interval"),
        (ChampionComparison("unknown", "registry down"), False, "registry down"),
    ],
)
def test_champion_rule(champion_comparison: ChampionComparison, passed: bool, words: str) -> None:
    verdict = v.decide(replace(EVIDENCE, champion=champion_comparison), LIMITS)
    [rule] = [rule for rule in verdict.rules if rule.name == "champion"]
    assert (rule.passed, verdict.passed) == (passed, passed)
    assert words in rule.why
    assert v.without_champion(verdict).passed
    assert ChampionComparison.from_dict(json.loads(json.dumps(champion_comparison.as_dict()))) == champion_comparison


def test_average_precision_is_compared_with_the_champions_too() -> None:
    less_precise = Comparison(0.0, (-0.004, 0.004), 0.9, -0.1, (-0.15, -0.05))
    worse = replace(champion(0.0, None), comparison=less_precise)
    verdict = v.decide(replace(EVIDENCE, champion=worse), LIMITS)
    assert [rule.name for rule in verdict.rules if not rule.passed] == ["champion_average_precision"]
    assert v.without_champion(verdict).passed, "the archive does not depend on the champion"
    assert failed(v.Limits(champion_precision_margin=0.5), champion=worse) == []


def test_champion_margin_is_configurable() -> None:
    narrow = champion(0.0, (-0.004, 0.004))
    assert failed(v.Limits(champion_margin=0.004), champion=narrow) == ["champion"]
    assert failed(v.Limits(champion_margin=0.0041), champion=narrow) == []


@pytest.mark.parametrize("state", ["none", "off", "unfair"])
def test_without_champion_other_rules_decide(state: Any) -> None:
    champion = ChampionComparison(state, "why")
    assert failed(champion=champion) == []
    poor = replace(GOOD, roc_auc=0.8, roc_auc_interval=(0.78, 0.82))
    assert failed(champion=champion, metrics=poor) == ["roc_auc"]


@pytest.mark.parametrize(
    ("best_champion", "passed", "words"),
    [
        (best((-0.019, 0.002)), True, "2026-02-20-bb, the best champion of the last 28 days: +0.000"),
        (best((-0.021, 0.002)), False, "may be worse; lower end required above -0.02"),
        (best((-0.021, -0.002)), False, "significantly worse"),
        (best(None), False, "no confidence interval"),
        (best((0.01, 0.02), skipped=("2026-02-21-cc (gone)",)), True, "; not compared: 2026-02-21-cc (gone)"),
        (BestChampion("unknown", "registry down", 28), False, "registry down"),
    ],
)
def test_best_champion_rule(best_champion: BestChampion, passed: bool, words: str) -> None:
    """Each new champion may be a little worse than the one before; this rule is about the sum."""
    verdict = v.decide(replace(EVIDENCE, champion=champion(0.0, (-0.004, 0.004)), best_champion=best_champion), LIMITS)
    [rule] = [rule for rule in verdict.rules if rule.name == "champion_best"]
    assert (rule.passed, verdict.passed) == (passed, passed)
    assert words in rule.why
    assert not [rule for rule in v.without_champion(verdict).rules if "champion" in rule.name]
    assert BestChampion.from_dict(json.loads(json.dumps(best_champion.as_dict()))) == best_champion


@pytest.mark.parametrize("state", ["none", "off"])
def test_without_best_champion_other_rules_decide(state: Any) -> None:
    assert failed(best_champion=BestChampion(state, "why", 28)) == []


def test_baseline_rule() -> None:
    better, no_better = Comparison(0.1, (0.05, 0.15), 0.8, 0, None), Comparison(0.1, (-0.01, 0.2), 0.8, 0, None)
    assert failed(baseline=better) == []
    assert failed(baseline=no_better) == ["baseline"]
    assert failed(baseline=replace(better, interval=None)) == ["baseline"]


def test_refuses_holdout_without_positives() -> None:
    verdict = v.decide(v.Evidence(measure(np.zeros(50), np.linspace(0, 1, 50)), ["2026-03-01"]), LIMITS)
    assert not verdict.passed
    assert "the holdout has no positives" in verdict.summary
    assert {"roc_auc", "positives", "log_loss"} <= {rule.name for rule in verdict.rules if not rule.passed}


def test_refuses_constant_scores() -> None:
    labels = np.repeat([0.0, 1.0], [900, 100])
    assert {"distinct_scores", "roc_auc", "average_precision"} <= set(
        failed(metrics=measure(labels, np.full(1000, 0.1)))
    )


def test_summary_contains_value_and_requirement() -> None:
    metrics = replace(GOOD, roc_auc=0.8912, roc_auc_interval=(0.87, 0.91), positives=3)
    verdict = v.decide(replace(EVIDENCE, metrics=metrics), LIMITS)
    expected = "ROC AUC: 0.891, with 90 % confidence at least 0.878, required at least 0.88 (1 more rule failed)."
    assert verdict.summary == f"Refused: {expected}"


def test_refuses_without_rules() -> None:
    assert not v.conclude([]).passed


def test_only_final_summary_counts_rules() -> None:
    """The gate and the archive do not have all rules, so a number of theirs would contradict the final one."""
    gate = v.decide(replace(EVIDENCE, champion=champion(0.02, (0.01, 0.03))), LIMITS)
    final = v.conclude([*gate.rules, Rule("probe_parity", 0.0, "at most 1e-09", True, "equal")])
    assert final.summary.startswith(f"Passed all {len(final.rules)} rules: ")
    lacking = v.conclude([*final.rules, skip("progress 20 and more", "above 0", "fewer than 20 of a kind")])
    assert lacking.summary.startswith(f"Passed all {len(final.rules)} rules (1 not checked for lack of data): ")
    for other in (gate, v.without_champion(gate)):
        assert other.passed
        assert not re.search(r"\d+ rules", other.summary)


def test_value_is_shown_with_enough_digits_to_differ_from_limit() -> None:
    limits = v.Limits(roc_auc_confidence=0.5)
    verdict = v.decide(replace(EVIDENCE, metrics=replace(GOOD, roc_auc=0.87996)), limits)
    assert "ROC AUC: 0.87996, required at least 0.88" in verdict.summary
    bound = v.decide(EVIDENCE, LIMITS).rules[0].value
    assert bound is not None
    verdict = v.decide(EVIDENCE, v.Limits(roc_auc=bound + 1e-6))
    assert not verdict.passed
    [shown] = re.findall(r"confidence at least ([\d.]+), required", verdict.summary)
    assert float(shown) < bound + 1e-6
