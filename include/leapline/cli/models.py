"""Commands about judged models and the champion."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from leapline import formatting
from leapline.cli.options import AsJson, Day
from leapline.console import print_json, print_summary, print_table, stderr, unshortened
from leapline.runtime.context import STEP_DESCRIPTIONS, new_run_id
from leapline.settings import Settings
from leapline.storage import lake_of

app = typer.Typer()
_PANEL = "Models and the champion"


@app.command(rich_help_panel=_PANEL)
def models(as_json: AsJson = False) -> None:
    """List the judged candidates with their verdicts, and what is serving."""
    from leapline.records.candidates import candidates
    from leapline.records.serving_state import serving_state

    settings = Settings.load()
    serving = serving_state(settings)
    rows = [asdict(row) | {"tags": serving.tags_of(row.digest)} for row in candidates(lake_of(settings))][::-1]
    if serving.contradiction:
        stderr().print("[bold red]Registry and ledger contradict each other.[/]", end=" ")
        stderr().print(serving.contradiction, markup=False, highlight=False, soft_wrap=True)
    if as_json:
        keys = ("model_id", "data_day", "roc_auc", "average_precision", "summary", "result", "tags", "digest",
                "docker_images", "platforms")  # fmt: skip
        print_json([{"verdict" if key == "summary" else key: row[key] for key in keys} for row in rows])
        return
    print_table(
        "Models",
        [unshortened("model"), unshortened("data day"), "ROC AUC", "average precision", "tags", "verdict"],
        [
            (row["model_id"], row["data_day"], formatting.score(row["roc_auc"]),
             formatting.score(row["average_precision"]), row["tags"], row["summary"])
            for row in rows
        ],
        empty="No model has been judged yet. `make demo` trains and publishes one.",
    )  # fmt: skip
    if serving.problem:
        stderr().print(
            "The registry does not answer, so what is serving is unknown. `leapline registry start` starts a local one."
        )


@app.command(rich_help_panel=_PANEL)
def history(
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First data day. Default: the oldest.")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last data day. Default: the newest.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show ROC AUC and verdict of every judged day; write table and plot of all days."""
    from leapline.records.history import rows, table, write

    settings = Settings.load()
    days = rows(lake_of(settings), first.date() if first else None, last.date() if last else None)
    folder = write(settings)
    if as_json:
        print_json(days)
        return
    shown = table(days)
    print_table("Judged days", list(shown.head), shown.rows, empty="No day of this range has been judged.")
    stderr().print(f"Table and plot: {folder}", highlight=False, soft_wrap=True)


@app.command(rich_help_panel=_PANEL)
def late(day: Day, as_json: AsJson = False) -> None:
    """List judged days whose labels have changed through late events; --date is the last day that has landed."""
    from leapline.modelling.delayed_labels import list_label_changes

    rows = list_label_changes(Settings.load(), day.date())
    if as_json:
        print_json(rows)
        return
    changed = [row for row in rows if row["changed"]]
    checked = f"{len(rows)} judged {'day' if len(rows) == 1 else 'days'} before {day.date()} may still get late events"
    print_table(
        "Delayed labels",
        [unshortened("data day"), "sessions", "labels changed", "missing", "new", "ROC AUC then", "now", "verdict now"],
        [_late_row(row) for row in changed],
        empty=f"No label has changed ({checked}).",
    )
    if changed and len(changed) < len(rows):
        stderr().print(f"{len(rows) - len(changed)} other days have not changed ({checked}).", highlight=False)


def _late_row(row: dict[str, Any]) -> tuple[Any, ...]:
    counts = (row["sessions"], row["flipped"], row["missing"], row["added"])
    scores = (formatting.score(row["roc_auc_then"]), formatting.score(row["roc_auc_now"]))
    return row["data_day"], *counts, *scores, row["verdict_now"]


@app.command(rich_help_panel=_PANEL)
def rollback(
    to: Annotated[str | None, typer.Option(help="Model id. Default: the model that served before.")] = None,
    why: Annotated[str, typer.Option(help="The reason, for the ledger.")] = "by hand",
    as_json: AsJson = False,
) -> None:
    """Move the tag `champion` back to the model that served before, or to any published model."""
    from leapline.deployment.manual_promotion import roll_back
    from leapline.rollout.deploy import deploy_champion
    from leapline.rollout.target import parse_targets

    settings, run_id = Settings.load(), new_run_id()
    targets = parse_targets(settings.deploy)
    summary = roll_back(settings, to=to, why=why, run_id=run_id)
    try:
        summary |= {"targets": deploy_champion(settings, run_id)["targets"]} if targets else {}
    finally:
        print_summary(summary, as_json)


@app.command(help=STEP_DESCRIPTIONS["deploy"], rich_help_panel=_PANEL)
def deploy(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")] = False,
    target: Annotated[
        str | None, typer.Option(help="One or more targets instead of those of the setting, in the same form.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    from leapline.rollout.deploy import deploy_champion
    from leapline.rollout.target import parse_targets

    settings = Settings.load(deploy=target)
    if not parse_targets(settings.deploy):
        stderr().print("LEAPLINE_DEPLOY names no target; docs/deployment.md lists the platforms.", highlight=False)
        return
    summary = deploy_champion(settings, new_run_id(), dry_run=dry_run)
    if as_json:
        print_json(summary)
        return
    print_table(
        f"{'Dry run: targets' if dry_run else 'Targets'} of {summary['model_id']}",
        [unshortened("target"), "state", "before", "after", "seconds"],
        [
            (name, row["state"], _short(row["before"]), _short(row["after"]), row["seconds"])
            for name, row in summary["targets"].items()
        ],
    )


def _short(digest: str | None) -> str | None:
    """Return the first digits of a digest, as in a model id; the whole digest is in `--json`."""
    return digest[:19] if digest and digest.startswith("sha256:") else digest


@app.command(rich_help_panel=_PANEL)
def sign(
    model: Annotated[str, typer.Argument(help="A model id, `champion` or `previous`.")], as_json: AsJson = False
) -> None:
    """Sign a model that this lake has published, if it was published without a signature or with another key."""
    from leapline.deployment.signatures import sign_published

    print_summary(sign_published(Settings.load(), model), as_json)


@app.command(rich_help_panel=_PANEL)
def rebuild(
    model: Annotated[str, typer.Option(help="A model id.")],
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="First day that the installation had extracted, for repeated orders."),
    ] = None,
    home: Annotated[Path | None, typer.Option(help="New folder for the scratch lake, which is kept.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a published model again from its events, and compare the archives; exit code 1 if they differ."""
    from leapline.local.rebuild import rebuild as rebuild_model

    result = rebuild_model(
        Settings.load(), model, since=since.date() if since else None, home=home,
        on_step=lambda step, day: stderr().print(f"{step} {day} ...", highlight=False),
    )  # fmt: skip
    print_summary(result, as_json)
    if not result["same"]:
        raise typer.Exit(1)
