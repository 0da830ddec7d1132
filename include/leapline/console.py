"""What steps and commands report, as lines for a terminal."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text


def as_text(value: Any, form: str = ".6g") -> str:
    """A value as one word or sentence; `-` for None, fractions in `form`, lists as JSON."""
    match value:
        case None:
            return "-"
        case float():
            return format(value, form)
        case list() | tuple() | dict():
            return json.dumps(value, ensure_ascii=False)
    return str(value)


def lines(summary: Mapping[str, Any], indent: str = "") -> Iterator[Text]:
    """A line for each value, what is part of something indented under it; a verdict's `rules` with their marks."""
    for key, value in summary.items():
        if key == "rules":
            yield from map(_rule, value)
        elif isinstance(value, dict) and value:
            yield Text.assemble(indent, (key, "bold"))
            yield from lines(value, indent + "  ")
        else:
            yield Text.assemble(indent, (key, "bold"), " ", as_text(value))


def _rule(rule: Mapping[str, Any]) -> Text:
    mark = ("✓", "green") if rule["passed"] else ("✗", "red")
    return Text.assemble("  ", mark, " ", (rule["name"], "bold"), " ", rule["why"])


def gist(summary: Mapping[str, Any]) -> str:
    """A step's summary in one line: its sentence if it has one, else its numbers and names."""
    for key in ("sentence", "why"):
        if summary.get(key):
            return str(summary[key])
    if all(isinstance(value, dict) for value in summary.values()):
        parts = {key: {k: v for k, v in value.items() if v != key} for key, value in summary.items()}
        return "; ".join(f"{key}: {gist(value)}" for key, value in parts.items())
    plain = {k: v for k, v in summary.items() if isinstance(v, str | int | float) and not isinstance(v, bool)}
    return ", ".join(f"{key.replace('_', ' ')} {as_text(value)}" for key, value in plain.items())
