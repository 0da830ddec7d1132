"""The rules of a verdict, and functions that check a value against a limit.

A value that is missing or not a finite number never passes.
"""

import math
from dataclasses import dataclass
from typing import TypeGuard

from leapline.formatting import number, number_beside


@dataclass(frozen=True)
class Rule:
    """One condition and its outcome.

    Attributes:
        name: machine-readable name of the rule.
        value: the value that was checked; None if there is none.
        limit: the requirement as text ("at least 0.88").
        passed: whether the value meets the requirement.
        why: one sentence with value and requirement, for a reader who sees nothing else.
        note: who loosened the requirement for this run; empty if nobody did.
    """

    name: str
    value: float | None
    limit: str
    passed: bool
    why: str
    note: str = ""


def at_least(
    name: str, value: float | None, limit: float | None, noun: str, missing: str | None = None, note: str = ""
) -> Rule:
    """Require `value` >= `limit`.

    Args:
        name: of the rule.
        value: to check.
        limit: the minimum.
        noun: what the value is, for the sentence.
        missing: reason why there is no value.
        note: explanation of the limit, appended to it.
    """
    if not is_number(value) or not is_number(limit):
        return _not_available(name, "at least", limit, noun, missing)
    return _rule(name, value, limit, f"at least {number(limit)}{note}", value >= limit, noun)


def above(name: str, value: float | None, limit: float, noun: str, missing: str | None = None) -> Rule:
    """Require `value` > `limit`; arguments as in `at_least`."""
    if not is_number(value):
        return _not_available(name, "above", limit, noun, missing)
    return _rule(name, value, limit, f"above {number(limit)}", value > limit, noun)


def below(
    name: str, value: float | None, limit: float | None, noun: str, otherwise: str, missing: str | None = None
) -> Rule:
    """Require `value` < `limit`; arguments as in `at_least`, and `otherwise` explains a failure."""
    if not is_number(value) or not is_number(limit):
        return _not_available(name, "below", limit, noun, missing)
    return _rule(name, value, limit, f"below {number(limit)}", value < limit, noun, f"; {otherwise}")


def at_most(name: str, value: float | None, limit: float, noun: str, missing: str | None = None) -> Rule:
    """Require `value` <= `limit`; arguments as in `at_least`."""
    if not is_number(value):
        return _not_available(name, "at most", limit, noun, missing)
    return _rule(name, value, limit, f"at most {number(limit)}", value <= limit, noun)


def refuse(name: str, limit: str, why: str) -> Rule:
    """Return a failed rule without a value."""
    return Rule(name, None, limit, False, why)


def skip(name: str, limit: str, why: str) -> Rule:
    """Return a rule that was not checked, since the holdout has too little data for it: it has no value, and passes."""
    return Rule(name, None, limit, True, f"{why}; not checked")


def is_number(value: float | None) -> TypeGuard[float]:
    """Return whether there is a finite value."""
    return value is not None and math.isfinite(value)


def _rule(name: str, value: float, threshold: float, limit: str, passed: bool, noun: str, otherwise: str = "") -> Rule:
    measured = f"{noun}: {number_beside(value, threshold)}"
    why = f"{measured} (required {limit})" if passed else f"{measured}, required {limit}{otherwise}"
    return Rule(name, value, limit, passed, why)


def _not_available(name: str, comparison: str, limit: float | None, noun: str, missing: str | None) -> Rule:
    text = f"{comparison} {number(limit)}" if is_number(limit) else f"{comparison} a finite number"
    return refuse(name, text, f"{noun}: not available, {missing or 'not a finite number'}")
