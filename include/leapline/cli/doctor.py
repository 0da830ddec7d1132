"""The command `leapline doctor`."""

import os
import sys
from collections.abc import Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Final

import typer
from rich.table import Table
from rich.text import Text

from leapline.cli.options import AsJson
from leapline.console import print_json, stdout

if TYPE_CHECKING:
    from leapline.doctor.runner import Result

app = typer.Typer()
_MARKS: Final[Mapping[str, tuple[str, str]]] = {
    "ok": ("✓", "green"),
    "warning": ("!", "yellow"),
    "problem": ("✗", "bold red"),
    "not applicable": ("-", "dim"),
}


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Examine this installation: what is wrong, and how to fix it; exit code 1 if there are problems.

    Nothing is published, nothing that is written stays, and neither Airflow nor Spark has to run.
    """
    from leapline.doctor.catalogue import examine, has_problem

    results = examine()
    if as_json:
        print_json([_as_json(result) for result in results])
    else:
        _print(results)
    sys.stdout.flush()
    sys.stderr.flush()
    _exit(1 if has_problem(results) else 0)


def _as_json(result: "Result") -> dict[str, str]:
    finding = result.finding
    return {
        "group": result.group, "check": result.name, "status": finding.status.value, "found": finding.found,
        "expected": finding.expected, "fix": finding.fix,
    }  # fmt: skip


def _print(results: list["Result"]) -> None:
    console = stdout()
    for group, members in groupby(results, key=lambda result: result.group):
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1), title=group, title_justify="left",
                      title_style="bold")  # fmt: skip
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold", max_width=30)
        table.add_column(overflow="fold")
        for result in members:
            table.add_row(Text.assemble(_MARKS[result.finding.status]), Text(result.name), _text(result))
        console.print(table)
    counts = {status: sum(result.finding.status == status for result in results) for status in _MARKS}
    console.print(", ".join(_counted(status, number) for status, number in counts.items() if number), highlight=False)


def _counted(status: str, number: int) -> str:
    return f"{number} {status}{'s' if number > 1 and status in ('warning', 'problem') else ''}"


def _text(result: "Result") -> Text:
    finding = result.finding
    text = Text(finding.found, style="dim" if finding.status == "not applicable" else "")
    if finding.expected:
        text.append(f"\nexpected: {finding.expected}", style="dim")
    if finding.fix:
        text.append("\nfix: ", style="bold").append(finding.fix, style="")
    return text


def _exit(code: int) -> None:
    """End the process although the thread of a late check may still run."""
    from threading import active_count

    if active_count() > 1 and "PYTEST_CURRENT_TEST" not in os.environ:
        os._exit(code)
    raise typer.Exit(code)
