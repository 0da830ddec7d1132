"""Commands about the ledger: list it, verify it, accept what cannot be repaired."""

import sys
from typing import Annotated, Any

import typer

from leapline.cli.options import AsJson
from leapline.console import as_text, print_json, print_summary, print_table, stderr, stdout, unshortened
from leapline.runtime.context import new_run_id
from leapline.settings import Settings

app = typer.Typer()


@app.callback(invoke_without_command=True)
def ledger(context: typer.Context, as_json: AsJson = False) -> None:
    """List every move of the tag `champion`: when, who, which model and why."""
    if context.invoked_subcommand is not None:
        return
    from leapline.records.serving_state import ledger_rows

    rows = ledger_rows(Settings.load())
    if as_json:
        print_json(rows)
        return
    # The digests before and after, and the run, are in `--json`: with them the table fits no screen.
    print_table(
        "Moves of the tag champion",
        [unshortened("when"), "who", unshortened("action"), unshortened("model"), "why"],
        [
            (str(row["when"])[:16].replace("T", " "), *(as_text(row[k]) for k in ("who", "action", "model_id", "why")))
            for row in rows
        ],
        empty="The ledger is empty: nothing has been published yet.",
    )


@app.command()
def verify(
    expect: Annotated[
        str, typer.Option(metavar="SEQUENCE@DIGEST", help="A head noted earlier, which the ledger must contain.")
    ] = "",
    offline: Annotated[bool, typer.Option("--offline", help="Leave the registry out.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check that no entry was changed or removed, the head's signature, and the registry; exit code 1 if not."""
    from leapline.deployment.ledger_report import verify_ledger

    report = verify_ledger(Settings.load(), expected=expect, offline=offline)
    if as_json:
        print_json(report)
    else:
        _print_report(report)
    sys.exit(0 if report["ok"] else 1)


def _print_report(report: dict[str, Any]) -> None:
    head = report["head"]
    lines = [
        f"{report['entries']} entries, {report['linked']} of them linked, lake {report['lake'] or 'without an id yet'}"
    ]
    if head:
        signature = f"signed by {head['signed_by'][:12]}" if head["signed_by"] else "not signed"
        checked = "verified" if head["verified"] else "signature not verified"
        lines.append(f"head {head['sequence']}@{head['digest']}, {signature}, {checked}")
    if report["registry"]["compared"]:
        lines.append(f"champion of {report['registry']['image']}: {report['registry']['champion'] or 'none agreed'}")
    for line in lines:
        stdout().print(line, markup=False, highlight=False, soft_wrap=True)
    for problem in report["problems"]:
        stderr().print(f"[bold red]{problem['kind']}[/]", end=" ")
        stderr().print(f"{problem['where']}: {problem['text']}", markup=False, highlight=False, soft_wrap=True)
    if report["ok"]:
        stdout().print("The ledger is sound.", highlight=False)


@app.command()
def sign(as_json: AsJson = False) -> None:
    """Sign the ledger's head with the present key, after the signing key was changed; no entry is added."""
    from leapline.deployment.factory import ledger_of

    print_summary({"signed": ledger_of(Settings.load()).sign_again()}, as_json)


@app.command()
def accept(
    why: Annotated[str, typer.Option(help="What was found and why it is right to go on; for the ledger.")],
    who: Annotated[str, typer.Option(help="Who decides. Default: the user of this process.")] = "",
    as_json: AsJson = False,
) -> None:
    """Record that ledger, champion and repository are right as they are, although `verify` reports faults."""
    from leapline.deployment.manual_promotion import accept_state

    print_summary(accept_state(Settings.load(), why=why, who=who, run_id=new_run_id()), as_json)
