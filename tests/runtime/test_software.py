"""The bill of materials: modules of the Go binary, installed packages, and CycloneDX's own schema."""

import shutil
import subprocess
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from leapline.errors import ToolMissingError
from leapline.runtime.go_modules import GoModule, go_modules
from leapline.runtime.software import bill_of_materials, python_packages
from leapline.storage import json_bytes
from tests.conftest import ROOT

SCORER = ROOT / ".local/scorer/linux-amd64/scorer"


@pytest.mark.parametrize("binary", [SCORER, ROOT / ".local/bin/crane"], ids=["scorer", "crane"])
def test_modules_are_those_that_go_lists(binary: Path) -> None:
    go = shutil.which("go")
    if go is None or not binary.exists():
        pytest.skip("TOOLS ABSENT: go, or the programs of `make setup`")
    lines = subprocess.run(
        [go, "version", "-m", binary], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    listed = [line.split("\t")[2:4] for line in lines if line.startswith("\tdep\t")]
    expected = [
        GoModule("stdlib", lines[0].rpartition("go")[2]),
        *(GoModule(p, v.removeprefix("v")) for p, v in listed),
    ]
    assert go_modules(binary) == sorted(expected, key=lambda module: module.path)


@pytest.mark.parametrize("content", [None, b"", b"\xff Go buildinf:", b"#!/bin/sh\n"])
def test_other_file_is_named(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "scorer").write_bytes(content)
    with pytest.raises(ToolMissingError, match=f"scorer {tmp_path}/scorer: found "):
        go_modules(tmp_path / "scorer")


def test_bill_of_materials_is_valid_and_the_same_each_time() -> None:
    if not SCORER.exists():
        pytest.skip("TOOLS ABSENT: `make setup` puts the scorer into .local")
    bill = bill_of_materials("2026-03-01-0123456789ab", "0" * 64, {"amd64": SCORER})
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json_bytes(bill).decode()) is None
    assert bill == bill_of_materials("2026-03-01-0123456789ab", "0" * 64, {"amd64": SCORER})
    names = {component["name"] for component in bill["components"]}
    assert {"model.zip", "scorer", "stdlib", "pyspark", "numpy"} <= names


def test_packages_are_those_that_leapline_needs() -> None:
    packages = python_packages()
    assert {"leapline", "pyspark", "cryptography", "apache-airflow-core"} <= set(packages)
    assert not {"pytest", "mypy", "ruff"} & set(packages)
