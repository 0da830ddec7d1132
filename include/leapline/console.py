"""Output of commands on a terminal: summaries as lines, tables, and JSON for scripts."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from leapline import formatting


def stdout() -> Console:
    """Return a console on the current standard output; its width follows the terminal or the variable `COLUMNS`."""
    return Console()


def stderr() -> Console:
    """Return a console on the current standard error, for progress, notes and errors."""
    return Console(stderr=True)


def as_text(value: Any) -> str:
    """Return a value as text: `-` for None, numbers formatted for people, collections as JSON."""
    match value:
        case None:
            return formatting.MISSING
        case bool():
            return str(value)
        case int():
            return formatting.count(value)
        case float():
            return formatting.number(value)
        case list() | tuple() | dict():
            return json.dumps(value, ensure_ascii=False)
    return str(value)


def lines(summary: Mapping[str, Any], indent: str = "") -> Iterator[Text]:
    """Yield one line per value of a summary; nested values are indented, the `rules` of a verdict have check marks."""
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
    """Return a step's summary as one line: its sentence if it has one, otherwise its numbers and names."""
    for key in ("sentence", "why"):
        if summary.get(key):
            return str(summary[key])
    if all(isinstance(value, dict) for value in summary.values()):
        # The key of a day's summary is the day, so a value that repeats it is left out.
        parts = {key: {k: v for k, v in value.items() if v != key} for key, value in summary.items()}
        return "; ".join(f"{key}: {gist(value)}" for key, value in parts.items())
    plain = {k: v for k, v in summary.items() if isinstance(v, str | int | float) and not isinstance(v, bool)}
    return ", ".join(f"{key.replace('_', ' ')} {as_text(value)}" for key, value in plain.items())


def print_json(content: Any) -> None:
    """Print JSON with full precision on standard output."""
    print(json.dumps(content, indent=1))


def print_summary(summary: Mapping[str, Any], as_json: bool = False) -> None:
    """Print what a command or step reports, as lines or as JSON."""
    if as_json:
        print_json(summary)
        return
    console = stdout()
    for line in lines(summary):
        console.print(line, soft_wrap=True)


def unshortened(name: str) -> Column:
    """Return a table column whose values are never shortened, however narrow the terminal: people copy them."""
    return Column(name, no_wrap=True, overflow="ignore", min_width=len(name))


def print_table(
    title: str, columns: Sequence[str | Column], rows: Iterable[Iterable[Any]], *, empty: str = "Nothing to show."
) -> None:
    """Print a table on standard output.

    Args:
        title: above the table.
        columns: headings, or columns such as `unshortened("model")`.
        rows: one iterable of values per row, which `as_text` formats.
        empty: printed instead of a table without rows.
    """
    table = Table(*columns, title=title)
    for row in rows:
        table.add_row(*map(as_text, row))
    stdout().print(table if table.row_count else empty, highlight=bool(table.row_count))
