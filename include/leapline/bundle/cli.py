"""The command `leapline bundle`: inspect, convert, compare and verify model archives."""

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

app = typer.Typer(no_args_is_help=True, help="Inspect, convert, compare and verify model archives.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Archive = Annotated[Path, typer.Argument(help="A Bundle.ML archive (.zip).")]


@app.command()
def inspect(
    bundle: Archive,
    top: Annotated[int, typer.Option(help="Number of features to list.", min=0)] = 10,
    as_json: AsJson = False,
) -> None:
    """Show stages, sizes, columns and the most important features."""
    document = inspect_bundle(bundle, top)
    if as_json:
        _print_json(document)
        return
    tree = Tree(
        Text.assemble(
            (document["name"], "bold"), f"  {document['format']}, {document['bytes']:,} bytes, {document['timestamp']}"
        )
    )
    _add_columns(tree, document)
    stages = tree.add("[bold]stages[/]")
    for stage in document["stages"]:
        _add_stage(stages, stage)
    if document["top_features"]:
        features = tree.add(Text(f"most important features ({document['top_features']['kind']})", "bold"))
        for feature in document["top_features"]["features"]:
            features.add(Text(f"{feature['share']:7.2%}  {feature['name']}"))
    if document["extra"]:
        extra = tree.add("[bold]other entries[/]")
        for name, size in document["extra"].items():
            extra.add(Text(f"{name}  {size:,} bytes"))
    Console().print(tree)


@app.command()
def convert(
    bundle: Archive,
    target: Annotated[Path, typer.Argument(help="The archive to write.")],
    to: Annotated[str, typer.Option(help="The format: json or protobuf.", metavar="FORMAT")],
    as_json: AsJson = False,
) -> None:
    """Convert a bundle to the other format, without loss."""
    format = _parse_format(to)
    sha256 = convert_bundle(bundle, target, format)
    result = {"archive": str(target), "format": format, "bytes": target.stat().st_size, "sha256": sha256}
    _print_json(result) if as_json else print(f"{target}: {format}, {result['bytes']:,} bytes, sha256 {sha256}")


@app.command()
def diff(before: Archive, after: Archive, as_json: AsJson = False) -> None:
    """Show the differences between two bundles. The exit code is 1 if the models differ."""
    document = diff_bundles(before, after)
    _print_json(document) if as_json else _print_diff(document)
    if not document["same"]:
        raise typer.Exit(1)


@app.command()
def verify(
    bundle: Archive,
    rows: Annotated[Path, typer.Argument(help="A leap frame (JSON) with the expected outputs under `expected`.")],
    expected: Annotated[
        Path | None, typer.Option(help="A JSON file with the expected outputs, if they are not in ROWS.")
    ] = None,
    tolerance: Annotated[float, typer.Option(help="Maximum of |difference| / max(1, |expected|).", min=0)] = 1e-9,
    scorer: Annotated[
        Path | None, typer.Option(help="The scorer binary. Default: the one that `make setup` installs.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Score saved rows and compare with the expected outputs. The exit code is 1 if they differ."""
    binary = scorer or Settings.load().tools / "bin" / "scorer"
    document = verify_bundle(bundle, rows, expected=expected, scorer=binary, tolerance=tolerance)
    _print_json(document) if as_json else _print_verification(document)
    if not document["passed"]:
        raise typer.Exit(1)


def _parse_format(text: str) -> Format:
    if text in ("json", "protobuf"):
        return text  # type: ignore[return-value]
    raise typer.BadParameter(f"expected json or protobuf, got {text!r}", param_hint="--to")


def _print_json(content: Any) -> None:
    json.dump(content, sys.stdout, indent=1, ensure_ascii=False)
    print()


def _add_columns(tree: Tree, document: dict[str, Any]) -> None:
    branch = tree.add("[bold]inputs[/]")
    for column in document["inputs"]:
        branch.add(Text(f"{column['name']}  {column['type']}"))
    tree.add(Text.assemble(("outputs  ", "bold"), ", ".join(document["outputs"])))


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


def _print_diff(document: dict[str, Any]) -> None:
    table = Table("stage", "change", "before", "after", title=None if document["same"] else "changes")
    for stage in document["stages"]:
        for row in _stage_rows(stage):
            table.add_row(*map(Text, row))
    for change in document["extra"]:
        table.add_row(*map(Text, ("", change["name"], _text(change["before"] or ""), _text(change["after"] or ""))))
    for name, (before, after) in document["info"].items():
        table.add_row(*map(Text, ("bundle.json", name, before, after)))
    console = Console()
    if table.row_count:
        console.print(table)
    console.print("The models are equal." if document["same"] else "The models differ.")


def _stage_rows(stage: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    name = stage["stage"]
    if stage["change"] != "changed":
        return [(name, stage["change"], *((stage["op"], "") if stage["change"] == "removed" else ("", stage["op"])))]
    rows = [(name, c["name"], _text(c["before"]), _text(c["after"])) for c in stage.get("attributes", ())]
    rows += [(name, f"port {c['port']}", c["before"], c["after"]) for c in stage.get("ports", ())]
    if "trees" in stage:
        trees = stage["trees"]
        label = f"trees ({trees['changed']:,} of {trees['compared']:,} differ)"
        rows.append((name, label, _sizes(trees["before"]), _sizes(trees["after"])))
    return rows


def _sizes(sizes: dict[str, int]) -> str:
    return ", ".join(f"{what} {count:,}" for what, count in sizes.items())


def _print_verification(document: dict[str, Any]) -> None:
    table = Table("column", "maximum difference", "cells over tolerance")
    for name, column in document["columns"].items():
        table.add_row(Text(name), f"{column['worst']:.3g}", str(column["wrong"]))
    console = Console()
    console.print(table)
    for name, column in document["columns"].items():
        for example in column["examples"]:
            console.print(Text(f"row {example['row']}, {name}: expected {example['expected']}, got {example['found']}"))
    verdict = "passed" if document["passed"] else "FAILED"
    console.print(f"{verdict}: {document['rows']:,} rows, tolerance {document['tolerance']:g}")
