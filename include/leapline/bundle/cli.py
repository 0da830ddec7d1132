"""`leapline bundle`: look into an archive, convert it, compare two, check one against saved rows."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from leapline.bundle.comparison import diff as diff_bundles
from leapline.bundle.convert import convert as convert_bundle
from leapline.bundle.inspection import inspect as inspect_bundle
from leapline.bundle.model import Format
from leapline.bundle.verification import verify as verify_bundle
from leapline.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Look into model archives, convert, compare and verify them.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Archive = Annotated[Path, typer.Argument(help="A Bundle.ML archive (.zip).")]


@app.command()
def inspect(
    bundle: Archive,
    top: Annotated[int, typer.Option(help="How many features to list.", min=0)] = 10,
    as_json: AsJson = False,
) -> None:
    """Show stages, sizes, columns and the features that weigh most."""
    found = inspect_bundle(bundle, top)
    if as_json:
        _print_json(found)
        return
    tree = Tree(
        Text.assemble((found["name"], "bold"), f"  {found['format']}, {found['bytes']:,} bytes, {found['timestamp']}")
    )
    _add_columns(tree, found)
    stages = tree.add("[bold]stages[/]")
    for stage in found["stages"]:
        _add_stage(stages, stage)
    if found["top_features"]:
        features = tree.add(Text(f"top features by {found['top_features']['kind']}", "bold"))
        for feature in found["top_features"]["features"]:
            features.add(Text(f"{feature['share']:7.2%}  {feature['name']}"))
    if found["extra"]:
        extra = tree.add("[bold]beside the model[/]")
        for name, size in found["extra"].items():
            extra.add(Text(f"{name}  {size:,} bytes"))
    Console().print(tree)


@app.command()
def convert(
    bundle: Archive,
    target: Annotated[Path, typer.Argument(help="The archive to write.")],
    to: Annotated[str, typer.Option(help="json or protobuf.", metavar="FORM")],
    as_json: AsJson = False,
) -> None:
    """Write the same bundle in the other form, nothing lost, canonically."""
    form = _form(to)
    sha256 = convert_bundle(bundle, target, form)
    done = {"archive": str(target), "format": form, "bytes": target.stat().st_size, "sha256": sha256}
    _print_json(done) if as_json else print(f"{target}: {form}, {done['bytes']:,} bytes, sha256 {sha256}")


@app.command()
def diff(before: Archive, after: Archive, as_json: AsJson = False) -> None:
    """Show what changed from one bundle to another; exit code 1 where the models differ."""
    found = diff_bundles(before, after)
    _print_json(found) if as_json else _print_diff(found)
    if not found["same"]:
        raise typer.Exit(1)


@app.command()
def verify(
    bundle: Archive,
    rows: Annotated[Path, typer.Argument(help="A leap frame (JSON), with the expected outputs under `expected`.")],
    expected: Annotated[
        Path | None, typer.Option(help="The expected outputs, where they are a file of their own.")
    ] = None,
    tolerance: Annotated[float, typer.Option(help="Greatest |difference| / max(1, |expected|).", min=0)] = 1e-9,
    scorer: Annotated[Path | None, typer.Option(help="The scorer binary; default: the one of `make setup`.")] = None,
    as_json: AsJson = False,
) -> None:
    """Score saved rows and compare; exit code 1 where an answer is beyond the tolerance."""
    binary = scorer or Settings.load().tools / "bin" / "scorer"
    found = verify_bundle(bundle, rows, expected=expected, scorer=binary, tolerance=tolerance)
    _print_json(found) if as_json else _print_verification(found)
    if not found["passed"]:
        raise typer.Exit(1)


def _form(text: str) -> Format:
    if text in ("json", "protobuf"):
        return text  # type: ignore[return-value]
    raise typer.BadParameter(f"{text!r} is neither json nor protobuf", param_hint="--to")


def _print_json(content: Any) -> None:
    json.dump(content, sys.stdout, indent=1, ensure_ascii=False)
    print()


def _add_columns(tree: Tree, found: dict[str, Any]) -> None:
    read = tree.add("[bold]reads[/]")
    for column in found["inputs"]:
        read.add(Text(f"{column['name']}  {column['type']}"))
    tree.add(Text.assemble(("gives ", "bold"), ", ".join(found["outputs"])))


def _add_stage(tree: Tree, stage: dict[str, Any]) -> None:
    title = Text.assemble((stage["op"], "cyan"), f"  {_columns(stage['inputs'])} -> {_columns(stage['outputs'])}")
    branch = tree.add(title)
    if "trees" in stage:
        branch.add(Text(_sizes(stage["trees"])))
    for name, value in stage["attributes"].items():
        branch.add(Text(f"{name} = {_text(value)}"))
    for child in stage.get("stages", ()):
        _add_stage(branch, child)


def _columns(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])}, ... ({len(names)})"


def _text(value: Any) -> str:
    return ", ".join(map(_text, value)) if isinstance(value, list) else "NaN" if value is None else str(value)


def _print_diff(found: dict[str, Any]) -> None:
    table = Table("stage", "what", "before", "after", title=None if found["same"] else "changes")
    for stage in found["stages"]:
        for row in _stage_rows(stage):
            table.add_row(*map(Text, row))
    for change in found["extra"]:
        table.add_row(*map(Text, ("", change["name"], _text(change["before"] or ""), _text(change["after"] or ""))))
    for name, (before, after) in found["info"].items():
        table.add_row(*map(Text, ("bundle.json", name, before, after)))
    console = Console()
    if table.row_count:
        console.print(table)
    console.print("the same model" if found["same"] else "different models")


def _stage_rows(stage: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    name = stage["stage"]
    if stage["change"] != "changed":
        return [(name, stage["change"], *((stage["op"], "") if stage["change"] == "removed" else ("", stage["op"])))]
    rows = [(name, c["name"], _text(c["before"]), _text(c["after"])) for c in stage.get("attributes", ())]
    rows += [(name, f"port {c['port']}", c["before"], c["after"]) for c in stage.get("ports", ())]
    if "trees" in stage:
        trees = stage["trees"]
        what = f"trees ({trees['changed']} of {trees['compared']} differ)"
        rows.append((name, what, _sizes(trees["before"]), _sizes(trees["after"])))
    return rows


def _sizes(sizes: dict[str, int]) -> str:
    return ", ".join(f"{what} {count:,}" for what, count in sizes.items())


def _print_verification(found: dict[str, Any]) -> None:
    table = Table("column", "worst difference", "cells beyond tolerance")
    for name, column in found["columns"].items():
        table.add_row(Text(name), f"{column['worst']:.3g}", str(column["wrong"]))
    console = Console()
    console.print(table)
    for name, column in found["columns"].items():
        for example in column["examples"]:
            console.print(
                Text(f"row {example['row']}, {name}: expected {example['expected']}, found {example['found']}")
            )
    verdict = "passed" if found["passed"] else "FAILED"
    console.print(f"{verdict}: {found['rows']} rows, tolerance {found['tolerance']:g}")
