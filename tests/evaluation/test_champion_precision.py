"""Average precision is not inferior to the champion's."""

import math

import pytest

from leapline.evaluation.bootstrap import Comparison
from leapline.evaluation.champion import ChampionComparison
from leapline.evaluation.champion_precision import champion_precision_rule


def champion(difference: float, interval: tuple[float, float] | None) -> ChampionComparison:
    compared = Comparison(0.0, (-0.001, 0.001), 0.9, difference, interval)
    return ChampionComparison("compared", "scored", "sha256:aa", "2026-03-01-aa", compared)


@pytest.mark.parametrize(
    ("difference", "interval", "passed", "words"),
    [
        (0.0, (-0.05, 0.05), True, "lower end required above -0.06, 15 % of the champion's 0.4"),
        (0.0, (-0.07, 0.07), False, "may be worse; lower end required above -0.06"),
        (-0.1, (-0.15, -0.05), False, "-0.100 (95 % interval -0.15 to -0.050), significantly worse"),
        (0.1, (0.05, 0.15), True, "average precision minus that of champion 2026-03-01-aa: +0.100"),
        (0.0, None, False, "no confidence interval"),
        (0.0, (math.nan, math.nan), False, "no confidence interval"),
    ],
)
def test_lower_end_must_exceed_a_share_of_the_champions_value(
    difference: float, interval: tuple[float, float] | None, passed: bool, words: str
) -> None:
    rule = champion_precision_rule(champion(difference, interval), 0.4 + difference, 0.15)
    assert (rule.name, rule.passed) == ("champion_average_precision", passed)
    assert words in rule.why


def test_margin_follows_the_scale_of_the_champions_value() -> None:
    """Where few sessions buy, average precision is low, and so is the allowed loss."""
    close = champion(-0.004, (-0.009, 0.001))
    assert champion_precision_rule(close, 0.396, 0.15).passed
    assert not champion_precision_rule(close, 0.046, 0.15).passed
    assert champion_precision_rule(close, 0.046, 0.2).passed


def test_missing_value_fails() -> None:
    assert not champion_precision_rule(champion(0.0, (-0.01, 0.01)), None, 0.15).passed
    nothing = ChampionComparison("compared", "scored", "sha256:aa", "m", None)
    assert not champion_precision_rule(nothing, 0.4, 0.15).passed
