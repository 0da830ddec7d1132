"""What the documents name exists."""

import re
from pathlib import Path

import pytest
import typer

from leapline.cli import app
from leapline.runtime.context import STEPS

ROOT = Path(__file__).resolve().parents[1]
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_operations_lists_the_beginnings_that_messages_have() -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "include/leapline").rglob("*.py"))
    lines = [line for line in (ROOT / "docs/operations.md").read_text().splitlines() if line.startswith("| `")]
    assert len(lines) > 10
    for line in lines:
        for start in re.findall(r"`([^`]+)`", line.split("|")[1]):
            words = re.escape(start.removesuffix(" DAY"))
            assert re.search(rf'[Ef(]"?f?"{words}|^\s+f?"{words}', code, re.MULTILINE), start


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text()):
        if not target.startswith(("http://", "https://")):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_commands_and_targets_exist(path: Path) -> None:
    known = commands(typer.main.get_command(app))
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    text = path.read_text()
    for words in re.findall(r"(?:`|^ +(?:\.venv/bin/)?)leapline ([a-z][a-z-]*(?: [a-z][a-z-]*)?)", text, re.MULTILINE):
        assert words in known or words.split()[0] in known, f"{path.name}: leapline {words}"
    for target in re.findall(r"(?:`|^ +)make ([a-z]+)", text, re.MULTILINE):
        assert target in targets, f"{path.name}: make {target}"


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_documented_commands_are_run_by_a_test(path: Path) -> None:
    """A test gives a command's words as arguments, one by one or as one text. `airflow` hands over to Airflow's own
    command line; backfills are asked of the same scheduler over its API (tests/faults)."""
    tests = "\n".join(p.read_text() for p in (ROOT / "tests").rglob("test_*.py") if p != Path(__file__))
    known = commands(typer.main.get_command(app))
    text = path.read_text()
    for first, second in re.findall(
        r"(?:`|^ +(?:\.venv/bin/)?)leapline ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?", text, re.MULTILINE
    ):
        words = [first, second] if f"{first} {second}" in known else [first]
        given = r'",\s*"'.join(words[-1:] if first == "bundle" else words)
        step = first.replace("-", "_") in STEPS
        assert step or first == "airflow" or re.search(rf'["\[ ]{given}[" ]', tests), f"{path.name}: leapline {words}"


def commands(root: object, before: str = "") -> set[str]:
    """Every command's words: `run`, `bundle inspect`."""
    found = set()
    for name, command in getattr(root, "commands", {}).items():
        found |= {before + name} | commands(command, before + name + " ")
    return found
