"""One rule of a verdict, and the ways to make one. A number that is missing, or not a number, never passes."""

import math
from dataclasses import dataclass
from typing import TypeGuard


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


def at_least(name: str, value: float | None, limit: float | None, noun: str, missing: str | None = None) -> Rule:
    """`value` reaches `limit`.

    Args:
        name: of the rule.
        value: what was found.
        limit: what it must reach.
        noun: what the value is, for the sentence.
        missing: why there is no value.
    """
    if not is_number(value) or not is_number(limit):
        return _no_number(name, "at least", limit, noun, missing)
    return _rule(name, value, f"at least {short(limit)}", value >= limit, noun)


def above(name: str, value: float | None, limit: float, noun: str, missing: str | None = None) -> Rule:
    """`value` is greater than `limit`; arguments as in `at_least`."""
    if not is_number(value):
        return _no_number(name, "above", limit, noun, missing)
    return _rule(name, value, f"above {short(limit)}", value > limit, noun)


def below(
    name: str, value: float | None, limit: float | None, noun: str, otherwise: str, missing: str | None = None
) -> Rule:
    """`value` is smaller than `limit`; arguments as in `at_least`, and `otherwise` says what it means if not."""
    if not is_number(value) or not is_number(limit):
        return _no_number(name, "below", limit, noun, missing)
    return _rule(name, value, f"below {short(limit)}", value < limit, noun, f"; {otherwise}")


def at_most(name: str, value: float | None, limit: float, noun: str, missing: str | None = None) -> Rule:
    """`value` does not exceed `limit`; arguments as in `at_least`."""
    if not is_number(value):
        return _no_number(name, "at most", limit, noun, missing)
    return _rule(name, value, f"at most {short(limit)}", value <= limit, noun)


def refuse(name: str, limit: str, why: str) -> Rule:
    """A rule that does not hold since there is nothing to look at."""
    return Rule(name, None, limit, False, why)


def is_number(value: float | None) -> TypeGuard[float]:
    """Whether there is a finite value."""
    return value is not None and math.isfinite(value)


def short(value: float) -> str:
    """Six digits at most."""
    return f"{value:.6g}"


def _rule(name: str, value: float, limit: str, passed: bool, noun: str, otherwise: str = "") -> Rule:
    found = f"{noun}: {short(value)}"
    return Rule(
        name, value, limit, passed, f"{found} ({limit})" if passed else f"{found}, but {limit} is asked{otherwise}"
    )


def _no_number(name: str, word: str, limit: float | None, noun: str, missing: str | None) -> Rule:
    text = f"{word} {short(limit)}" if is_number(limit) else f"{word} a known number"
    return refuse(name, text, f"{noun}: unknown, since {missing or 'it is not a number'}")
