"""Numbers as people read them, for the model card, verdicts, history and plots: 0.914, 8.3 %, 12,000, 45 ms."""

from collections.abc import Callable

MISSING = "-"
"""The text for a missing number."""


def count(value: int | None) -> str:
    """Return a whole number with thousands separated: "12,000"."""
    return MISSING if value is None else f"{value:,}"


def quantity(number: int, noun: str) -> str:
    """Return a number with its noun, which has a regular plural: "1 visitor", "1,204 visitors"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def score(value: float | None, digits: int = 3) -> str:
    """Return a metric between 0 and 1: "0.914"."""
    return MISSING if value is None else f"{value:.{digits}f}"


def change(value: float | None, digits: int = 3) -> str:
    """Return a difference with its sign: "+0.012"."""
    return MISSING if value is None else f"{value + 0.0:+.{digits}f}"


def percent(share: float | None) -> str:
    """Return a share in percent: "8.3 %"."""
    return MISSING if share is None else f"{share * 100:.1f} %"


def interval(bounds: tuple[float, float] | None, form: Callable[[float], str] = score) -> str:
    """Return both ends of an interval, "0.890 to 0.930"; empty without one."""
    return f"{form(bounds[0])} to {form(bounds[1])}" if bounds else ""


def number(value: float, digits: int = 3) -> str:
    """Return a number with `digits` decimals at most and no trailing zeros: "0.88", "30", "1,200", "1e-09"."""
    if value and abs(value) < 10**-digits:
        return f"{value:.2g}"
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def number_beside(value: float, limit: float) -> str:
    """Return a number with enough decimals to compare with a limit as the value does: "0.8799" beside 0.88.

    Args:
        value: to format.
        limit: the number shown next to it.
    """
    for digits in range(3, 17):
        text = number(value, digits)
        shown = float(text.replace(",", ""))
        if (shown < limit, shown > limit) == (value < limit, value > limit):
            return text
    return repr(value)
