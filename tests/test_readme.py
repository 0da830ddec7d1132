"""README says what is there."""

import re
from pathlib import Path

import typer

from leapline.cli import app
from leapline.runtime.context import STEPS
from leapline.settings import markdown_table
from tests.test_docs import commands

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_settings_table_is_the_settings() -> None:
    assert markdown_table() in README, "print(leapline.settings.markdown_table()) gives the table for README"


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"`?make ([a-z]+)", README)) <= targets


def test_every_leapline_command_exists() -> None:
    known = commands(typer.main.get_command(app))
    used = set(re.findall(r"`leapline ([a-z][a-z-]*)", README))
    assert used <= known
    assert {step.replace("_", "-") for step in STEPS} <= known


def test_every_linked_file_exists() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if not link.startswith("http")]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
