"""The command `leapline drill`."""

import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leapline.cli.options import AsJson
from leapline.console import print_json, print_table, stderr, stdout, unshortened
from leapline.settings import Settings

if TYPE_CHECKING:
    from leapline.drill.run import Row

app = typer.Typer()
_LONGEST = 120
"""Characters of an error in the table."""


@app.command()
def drill(
    sessions_per_day: Annotated[int, typer.Option(min=1500, help="Sessions per day of the generated shop.")] = 1500,
    keep: Annotated[
        Path | None, typer.Option(help="An empty folder for the scratch lake and registry, which stays.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Break each stage of a run on a scratch lake and registry; exit code 1 if something was published.

    Lake, registry, ledger and keys of the installation are not touched.
    """
    from leapline.drill.run import run_drill

    started = time.monotonic()
    rows = run_drill(Settings.load(), lambda text: stderr().print(text, highlight=False), keep, sessions_per_day)
    if as_json:
        print_json([asdict(row) | {"ok": row.ok} for row in rows])
    else:
        _print(rows, time.monotonic() - started)
    sys.exit(0 if all(row.ok for row in rows) else 1)


def _print(rows: "list[Row]", seconds: float) -> None:
    print_table(
        "Stages that were broken",
        ["", unshortened("stage"), "what was broken", "how it was noticed", "published or promoted"],
        [
            ("✓" if row.ok else "✗", row.stage, row.broken, _shortened(row), ", ".join(row.changed) or "nothing new")
            for row in rows
        ],
    )
    failed = sum(not row.ok for row in rows)
    verdict = f"{failed} of {len(rows)} faults were not stopped" if failed else f"All {len(rows)} faults were stopped"
    stdout().print(f"{verdict} after {seconds:.0f} s.", highlight=False)


def _shortened(row: "Row") -> str:
    """Return where a fault was noticed and its error; `--json` has all of it."""
    if not row.noticed_in:
        return "not at all"
    where = f"in {row.noticed_in}: " if row.noticed_in != row.stage else ""
    return where + (row.error if len(row.error) <= _LONGEST else f"{row.error[:_LONGEST]} ...")
