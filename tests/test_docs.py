"""Documentation agrees with the code: links, commands, make targets, settings and tables."""

import re
import tomllib
from pathlib import Path

import pytest
import typer

from leapline import errors, settings_page
from leapline.cli import app
from leapline.datasets import DATASETS
from leapline.installation import ENV_FILE_VARIABLE
from leapline.settings import DEPRECATED, PREFIX, Settings

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    path
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md", "deploy/**/*.md", ".github/**/*.md")
    for path in sorted(ROOT.glob(pattern))
]
COMMAND = re.compile(r"(?:`|^ +(?:\.venv/bin/)?)leapline ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?", re.MULTILINE)


def identifier(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def commands(root: object, before: str = "") -> set[str]:
    """Return the words of every command: `run`, `bundle inspect`."""
    words = set()
    for name, command in getattr(root, "commands", {}).items():
        words |= {before + name} | commands(command, before + name + " ")
    return words


def table_rows(text: str) -> list[list[str]]:
    """Return the cells of all Markdown tables, without headings."""
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("|--")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


@pytest.mark.parametrize("path", PAGES, ids=identifier)
def test_links_resolve(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


@pytest.mark.parametrize("path", PAGES, ids=identifier)
def test_commands_and_make_targets_exist(path: Path) -> None:
    names = commands(typer.main.get_command(app))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = path.read_text(encoding="utf-8")
    for first, second in COMMAND.findall(text):
        assert f"{first} {second}" in names or first in names, f"{path.name}: leapline {first} {second}"
    for target in re.findall(r"(?:`|^ +)make ([a-z-]+)", text, re.MULTILINE):
        assert target in targets, f"{path.name}: make {target}"


@pytest.mark.parametrize("path", PAGES, ids=identifier)
def test_documented_settings_exist(path: Path) -> None:
    names = {f"{PREFIX}{name.upper()}" for name in (*Settings.model_fields, *DEPRECATED)} | {ENV_FILE_VARIABLE}
    # The scorer reads its own variables, which docs/api.md lists.
    named = set(re.findall(r"\bLEAPLINE_[A-Z_]+[A-Z]\b", path.read_text(encoding="utf-8")))
    assert named <= names


def test_settings_page_is_up_to_date() -> None:
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    assert page == settings_page.markdown_page(), "run `leapline settings --markdown > docs/settings.md`"


def test_readme_lists_ten_settings_with_their_defaults() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [line for line in readme.splitlines() if line.startswith(f"| `{PREFIX}")]
    assert len(rows) == 10
    assert set(rows) <= set(settings_page.markdown_table().splitlines())


def test_architecture_page_lists_the_layers_of_the_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    expected = [
        (str(number), f"`{name.strip()}`") for number, layer in enumerate(layers, 1) for name in layer.split("|")
    ]
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    rows = [(row[0], row[1]) for row in table_rows(page) if row[0].isdigit()]
    assert sorted(rows) == sorted(expected)
    assert [int(number) for number, _ in rows] == sorted(int(number) for number, _ in rows)


def test_lake_page_lists_every_dataset_with_its_files() -> None:
    rows = {row[0]: row for row in table_rows((ROOT / "docs/lake.md").read_text(encoding="utf-8"))}
    for dataset in DATASETS:
        folder = f"`{dataset.name}/date=D`" if dataset.by_day else f"`{dataset.name}/<key>`"
        assert folder in rows, folder
        listed = set(re.findall(r"`([^`]+)`", rows[folder][1]))
        assert listed == set(dataset.files), folder
        assert rows[folder][2] == dataset.writer
        assert rows[folder][3] == str(dataset.version)


def test_operations_page_lists_error_classes_that_exist() -> None:
    rows = table_rows((ROOT / "docs/operations.md").read_text(encoding="utf-8"))
    listed = {name: row for row in rows for name in re.findall(r"`(\w+Error)`", row[0])}
    classes = {
        name: kind
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.LeaplineError) and kind is not errors.LeaplineError
    }
    assert set(listed) == set(classes)
    for name, row in listed.items():
        assert row[-1] == ("yes" if classes[name].retriable else "no"), name


def test_decision_index_lists_every_record() -> None:
    folder = ROOT / "docs/decisions"
    records = {path.name for path in folder.glob("[0-9]*.md")}
    assert set(re.findall(r"\]\((\d[^)]+)\)", (folder / "README.md").read_text(encoding="utf-8"))) == records
    for name in records:
        title = (folder / name).read_text(encoding="utf-8").splitlines()[0]
        assert re.match(rf"# {int(name[:4])}\. \S", title), name
