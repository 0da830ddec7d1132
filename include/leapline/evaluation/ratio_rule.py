"""The rule about calibration in the large."""

from leapline.evaluation.calibration_ratio import CalibrationRatio
from leapline.evaluation.rules import Rule, is_number, refuse
from leapline.formatting import interval, number


def ratio_rule(name: str, measured: CalibrationRatio, most: float, noun: str) -> Rule:
    """Require that the ratio's interval overlaps 1 / `most` to `most`.

    Args:
        name: of the rule.
        measured: the ratio.
        most: upper end of the band, above 1.
        noun: what the ratio is, for the sentence.
    """
    limit = f"interval overlaps {number(1 / most)} to {number(most)}"
    if not is_number(measured.ratio) or measured.interval is None or not all(map(is_number, measured.interval)):
        return refuse(name, limit, f"{noun}: not available, it cannot be computed without buyers or with broken scores")
    low, high = measured.interval
    text = f"{noun}: {number(measured.ratio)} (95 % interval {interval((low, high))})"
    if low <= most and high >= 1 / most:
        return Rule(name, measured.ratio, limit, True, f"{text} (required {limit})")
    direction = "high" if low > most else "low"
    return Rule(name, measured.ratio, limit, False, f"{text}, required {limit}; probabilities are too {direction}")
