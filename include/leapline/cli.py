"""The `leapline` command: every step alone for one date, and what surrounds them.

Heavy libraries are imported inside the commands, so that `leapline --help` answers at once.
"""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from leapline import __version__
from leapline.bundle.cli import app as bundle_app
from leapline.console import as_text, gist, lines
from leapline.errors import LeaplineError
from leapline.local.cli import app as local_app
from leapline.runtime.context import STEP_DESCRIPTIONS, STEPS, RunContext, new_run_id
from leapline.runtime.step import parse_overrides, perform
from leapline.settings import PREFIX, Settings, markdown_page
from leapline.storage import Lake

if TYPE_CHECKING:
    from leapline.records.candidates import Candidate

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Every night, turn a shop's click stream into a deployable scoring container, or a plain reason why not.",
)
import_app = typer.Typer(no_args_is_help=True, help="Turn public click data into Snowplow events.")
features_app = typer.Typer(no_args_is_help=True, help="Feature specs.")
app.add_typer(import_app, name="import")
app.add_typer(features_app, name="features")
app.add_typer(bundle_app, name="bundle")
app.add_typer(local_app)

out, err = Console(), Console(stderr=True)

Day = Annotated[datetime, typer.Option("--date", formats=["%Y-%m-%d"], help="Data day, UTC.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting, e.g. training_days=3.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def main() -> None:
    """Run the command line; a user's mistake ends in one message and exit code 1."""
    try:
        app()
    except LeaplineError as exc:
        err.print(f"[bold red]{type(exc).__name__}[/]", end=" ")
        err.print(str(exc), markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


def _do(step: str, context: RunContext, pairs: list[str] | None, report_failure: bool = False) -> dict[str, Any]:
    settings = Settings.load(**parse_overrides(pairs or []))
    step_function = import_module(f"leapline.steps.{step}").run
    return perform(step, step_function, settings, context, report_failure)


def _print(summary: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(summary, indent=1))
        return
    for line in lines(summary):
        out.print(line, soft_wrap=True)


def whole(name: str) -> Column:
    """A table's column that takes the room it needs."""
    return Column(name, no_wrap=True, overflow="ignore", min_width=len(name))


def _add_step(step: str, own: Callable[..., None] | None = None) -> None:
    def command(day: Day, set_: Overrides = None, as_json: AsJson = False) -> None:
        _print(_do(step, RunContext(day.date(), new_run_id()), set_), as_json)

    app.command(step.replace("_", "-"), help=STEP_DESCRIPTIONS[step], rich_help_panel="Steps of a run, in order")(
        own or command
    )


def _train(
    day: Day,
    fast: Annotated[bool, typer.Option("--fast", help="Do not search for the forest's shape.")] = False,
    set_: Overrides = None,
    as_json: AsJson = False,
) -> None:
    pairs = [*(set_ or []), *(["hyperparameter_search=false"] if fast else [])]
    _print(_do("train", RunContext(day.date(), new_run_id()), pairs), as_json)


for _step in STEPS:
    _add_step(_step, _train if _step == "train" else None)


@app.command()
def run(
    day: Day,
    set_: Overrides = None,
    backfill: Annotated[bool, typer.Option("--backfill", help="Rebuild the past: the champion stays.")] = False,
    as_json: AsJson = False,
) -> None:
    """All steps for one day, in order, without Airflow."""
    context = RunContext(day.date(), new_run_id(), backfill)
    summaries: dict[str, Any] = {}
    for step in STEPS:
        err.print(f"[bold]{step}[/] ...")
        # A run that stops at its first step has done nothing: most likely its date is wrong.
        summaries[step] = _do(step, context, set_, bool(summaries))
        if summaries[step].get("passed") is False:
            err.print(summaries[step]["sentence"], style="bold yellow", markup=False, highlight=False, soft_wrap=True)
            break
        if not as_json:
            out.print(f"  {gist(summaries[step])}", markup=False, highlight=False, soft_wrap=True)
    _print(summaries if as_json else {name: summaries["gate"][name] for name in ("rules", "card", "plots")}, as_json)


@app.command()
def models(as_json: AsJson = False) -> None:
    """The judged candidates, their verdicts, and what is serving."""
    from leapline.records.candidates import candidates
    from leapline.records.serving_state import serving_state

    settings = Settings.load()
    serving = serving_state(settings)
    rows = [_candidate_row(row, serving.tags_of(row.digest)) for row in candidates(Lake(settings.home))][::-1]
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    # Values that people copy are never truncated, however narrow the terminal.
    table = Table(whole("model"), whole("data day"), "ROC AUC", "average precision", "tags", "verdict", title="Models")
    for row in rows:
        shown = [row[k] for k in ("model_id", "data_day", "roc_auc", "average_precision", "tags", "verdict")]
        table.add_row(*map(_cell, shown))
    out.print(table if rows else "No model has been judged yet. `make demo` trains and publishes one.")
    if serving.problem:
        err.print(
            "The registry does not answer, so what is serving is unknown. `leapline registry start` starts a local one."
        )


def _candidate_row(row: "Candidate", tags: str) -> dict[str, Any]:
    return {
        "model_id": row.model_id,
        "data_day": row.data_day,
        "roc_auc": row.roc_auc,
        "average_precision": row.average_precision,
        "verdict": row.summary,
        "result": row.result,
        "tags": tags,
        "digest": row.digest,
    }


@app.command()
def history(
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First data day; all, if empty.")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last data day; all, if empty.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """ROC AUC and verdict of every judged day of a range; writes the table and a plot over all days."""
    from leapline.records import history as job

    settings = Settings.load()
    rows = job.rows(Lake(settings.home), first.date() if first else None, last.date() if last else None)
    folder = job.write(settings)
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    shown = job.table(rows)
    table = Table(*shown.head, title="Judged days")
    for row in shown.rows:
        table.add_row(*map(str, row))
    out.print(table if rows else "No day of that range was judged yet.")
    err.print(f"Table and plot: {folder}", highlight=False, soft_wrap=True)


@app.command()
def late(day: Day, as_json: AsJson = False) -> None:
    """Judged days whose labels have changed by events that arrived since; --date is the last day that has landed."""
    from leapline.modelling.delayed_labels import list_label_changes

    rows = list_label_changes(Settings.load(), day.date())
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    head = (whole("data day"), "sessions", "flipped", "gone", "new", "ROC AUC then", "now", "verdict now")
    table = Table(*head, title="Late truth")
    changed = [row for row in rows if row["changed"]]
    for row in changed:
        shown = ("data_day", "sessions", "flipped", "missing", "added", "roc_auc_then", "roc_auc_now", "verdict_now")
        table.add_row(*(_cell(row[k]) for k in shown))
    looked = f"{len(rows)} judged days before {day.date()} whose events may still arrive"
    out.print(table if changed else f"Nothing has changed: {looked}.", highlight=False)
    if changed and len(changed) < len(rows):
        err.print(f"The other {len(rows) - len(changed)} of {looked} have not changed.", highlight=False)


@app.command()
def rollback(
    to: Annotated[str | None, typer.Option(help="Model id; the model that served before, if empty.")] = None,
    why: Annotated[str, typer.Option(help="The reason, for the ledger.")] = "by hand",
    as_json: AsJson = False,
) -> None:
    """Move `champion` back to the model that served before, or to any published one."""
    from leapline.deployment.manual_promotion import roll_back

    _print(roll_back(Settings.load(), to=to, why=why, run_id=new_run_id()), as_json)


@app.command()
def ledger(as_json: AsJson = False) -> None:
    """Who moved which tag when and why."""
    from leapline.records.serving_state import ledger_rows

    rows = ledger_rows(Settings.load())
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    # The digests before and after, and the run, are in `--json`: with them the table fits no screen.
    table = Table(whole("when"), "who", whole("action"), whole("model"), "why", title="Moves of the tag champion")
    for row in rows:
        when = str(row["when"])[:16].replace("T", " ")
        table.add_row(when, *(_cell(row[k]) for k in ("who", "action", "model_id", "why")))
    out.print(table if rows else "The ledger is empty: nothing was published yet.")


def _cell(value: Any) -> str:
    return as_text(value, ".4f")


@app.command()
def score(
    file: Annotated[
        Path,
        typer.Argument(
            help="JSON file: sessions with their events, or rows of features; or one.", exists=True, dir_okay=False
        ),
    ],
    url: Annotated[str, typer.Option(help="A running scorer.")] = "http://127.0.0.1:8080",
    as_json: AsJson = False,
) -> None:
    """Send sessions, or rows of features, to a running scorer."""
    from leapline.serving.client import ScorerClient
    from leapline.storage import read_json

    entries = _entries(read_json(file, fix="See docs/api.md for what a scorer takes."))
    with ScorerClient(url) as client:
        sessions = all("events" in entry for entry in entries)
        answer = client.score(entries) if sessions else client.predict(entries)
    if as_json:
        print(json.dumps(answer, indent=1))
        return
    for row in answer:
        out.print(f"{row.get('segment', '')} {row.get('buy', '')}".strip() or json.dumps(row))


def _entries(content: Any) -> list[dict[str, Any]]:
    """Of a list, of a request's body as it would be sent, or of one entry, which has a session's id itself."""
    if isinstance(content, dict) and "sessions" in content:
        content = content["sessions"]
    elif isinstance(content, dict) and isinstance(content.get("session"), dict):
        content = content["session"]
    return content if isinstance(content, list) else [content]


@app.command("settings")
def show_settings(
    as_json: AsJson = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print docs/settings.md, with the defaults.")] = False,
) -> None:
    """Show every setting with its value and meaning."""
    if markdown:
        print(markdown_page(), end="")
        return
    settings = Settings.load()
    rows = [
        (f"{PREFIX}{k.upper()}", str(getattr(settings, k)), f.description) for k, f in Settings.model_fields.items()
    ]
    if as_json:
        print(json.dumps([dict(zip(("name", "value", "about"), r, strict=True)) for r in rows], indent=1))
        return
    table = Table(whole("setting"), "value", "meaning", title="Settings")
    for row in rows:
        table.add_row(*map(str, row))
    out.print(table)


@app.command()
def version() -> None:
    """Leapline's version."""
    print(__version__)


@app.command()
def generate(
    start: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="First day, UTC.")],
    days: Annotated[int, typer.Option(help="How many days.")] = 8,
    sessions_per_day: Annotated[int, typer.Option(help="Visitors' sessions a day, on average.")] = 6000,
    seed: Annotated[int, typer.Option(help="Other seeds, other shops.")] = 20150,
    to: Annotated[Path | None, typer.Option(help="Folder; the landing folder of the settings, if empty.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any other field, e.g. broken=0.01.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a shop's Snowplow events, with the truth about who buys beside them."""
    from leapline.local.progress import progress_bar
    from leapline.synthetic import GeneratorSpec, generate

    spec = GeneratorSpec(
        start=start.date(), days=days, sessions_per_day=sessions_per_day, seed=seed, **parse_overrides(set_ or [])
    )
    with progress_bar(err, "Generating events") as tell:
        report = generate(to or Settings.load().landing_dir, spec, tell)
    _print(asdict(report), as_json)


@import_app.command()
def rees46(
    csv: Annotated[Path, typer.Argument(help="REES46's CSV.")],
    to: Annotated[Path | None, typer.Option(help="Folder; the landing folder of the settings, if empty.")] = None,
    as_json: AsJson = False,
) -> None:
    """REES46's open e-commerce events (event_time, event_type, product_id, ...)."""
    from leapline.importers.rees46 import import_rees46

    _print(asdict(import_rees46(csv, to or Settings.load().landing_dir)), as_json)


@import_app.command()
def yoochoose(
    clicks: Annotated[Path, typer.Argument(help="yoochoose-clicks.dat.")],
    buys: Annotated[Path, typer.Argument(help="yoochoose-buys.dat.")],
    to: Annotated[Path | None, typer.Option(help="Folder; the landing folder of the settings, if empty.")] = None,
    as_json: AsJson = False,
) -> None:
    """The RecSys Challenge 2015's clicks and buys."""
    from leapline.importers.yoochoose import import_yoochoose

    _print(asdict(import_yoochoose(clicks, buys, to or Settings.load().landing_dir)), as_json)


@import_app.command()
def retailrocket(
    csv: Annotated[Path, typer.Argument(help="RetailRocket's events.csv.")],
    to: Annotated[Path | None, typer.Option(help="Folder; the landing folder of the settings, if empty.")] = None,
    as_json: AsJson = False,
) -> None:
    """RetailRocket's shop log (timestamp, visitorid, event, itemid, transactionid)."""
    from leapline.importers.retailrocket import import_retailrocket

    _print(asdict(import_retailrocket(csv, to or Settings.load().landing_dir)), as_json)


@features_app.command("schema")
def features_schema() -> None:
    """The JSON Schema of a feature spec."""
    from leapline.features.spec import json_schema

    print(json.dumps(json_schema(), indent=1))


@features_app.command("check")
def features_check(
    spec: Annotated[Path, typer.Argument(help="A feature spec (JSON).")], as_json: AsJson = False
) -> None:
    """Read a feature spec as a night would, and say what it has or what is wrong with it."""
    from leapline.features.spec import load

    found = load(spec)
    columns = {"numbers": list(found.numeric), "categories": list(found.categorical)}
    _print({"unit": found.unit, "features": len(found.columns), **columns}, as_json)


@bundle_app.command("export")
def bundle_export(
    target: Annotated[Path, typer.Argument(help="The file to write.")],
    day: Day,
    to: Annotated[str, typer.Option(help="onnx or pmml.", metavar="FORM")],
    tolerance: Annotated[float, typer.Option(help="Greatest difference from Spark's probability.", min=0)] = 1e-9,
    as_json: AsJson = False,
) -> None:
    """Write a night's model as ONNX or PMML, if that form's own runtime gives Spark's probabilities."""
    from leapline.modelling.export import FORMATS, export

    if to not in FORMATS:
        raise typer.BadParameter(f"{to!r} is neither {' nor '.join(FORMATS)}", param_hint="--to")
    _print(export(Settings.load(), day.date(), to, target, tolerance), as_json)
