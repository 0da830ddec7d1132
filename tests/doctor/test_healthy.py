"""`leapline doctor` as a command: exit code, output, secrets, and what it leaves behind."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from leapline.cli import app
from leapline.doctor.catalogue import CHECKS
from leapline.installation import ENV_FILE_VARIABLE
from leapline.settings import Settings
from tests.doctor.conftest import KEY


def doctor(*argv: str) -> Result:
    return CliRunner().invoke(app, ["doctor", *argv])


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_healthy_installation_has_exit_code_0_and_stays_unchanged(healthy: Settings, tmp_path: Path) -> None:
    before = content(healthy.home) | content(tmp_path / "tools")
    done = doctor("--json")
    results = json.loads(done.stdout)
    assert [entry for entry in results if entry["status"] in ("problem", "warning")] == []
    assert done.exit_code == 0
    assert len({(entry["group"], entry["check"]) for entry in results}) == len(results) >= len(CHECKS)
    checked = {f"{entry['group']} {entry['check']}" for entry in results if entry["status"] == "ok"}
    assert checked >= {"Champion tag", "Champion ledger", "Champion age", "Registry push", "Lake writes",
                       "Events source", "Keys signing key", "Software crane", "Machine clock registry"}  # fmt: skip
    assert content(healthy.home) | content(tmp_path / "tools") == before


def test_problem_has_exit_code_1_and_is_printed_with_its_fix_and_without_colour(
    healthy: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAPLINE_PSEUDONYM_KEY", "short-secret")
    monkeypatch.setenv("COLUMNS", "200")
    done = doctor()
    assert done.exit_code == 1
    assert "✗  pseudonym key" in done.stdout
    assert "found 12 bytes" not in done.stdout
    assert "12 bytes" in done.stdout
    assert "fix: Set it in the environment" in done.stdout
    assert "1 problem" in done.stdout
    assert "\x1b[" not in done.stdout
    assert "short-secret" not in done.stdout


def test_warning_alone_does_not_fail(healthy: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAPLINE_SEARCH", "true")
    done = doctor("--json")
    warned = [entry for entry in json.loads(done.stdout) if entry["status"] == "warning"]
    assert [entry["check"] for entry in warned] == ["variables"]
    assert "hyperparameter_search" in warned[0]["found"]
    assert done.exit_code == 0


@pytest.fixture
def silent_server() -> Iterator[str]:
    """The address of a server that accepts connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(50)
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_silent_registry_blocks_nothing_else(home: Path, silent_server: str) -> None:
    env = os.environ | {
        ENV_FILE_VARIABLE: os.devnull,
        "LEAPLINE_REGISTRY": silent_server,
        "LEAPLINE_LANDING": str(home / "nowhere"),
    }
    command = [sys.executable, "-c", "from leapline.cli import main; main()", "doctor", "--json"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    results = {f"{entry['group']} {entry['check']}": entry for entry in json.loads(done.stdout)}
    assert done.returncode == 1
    assert "no answer" in results["Registry answer"]["found"] or "no result" in results["Registry answer"]["found"]
    assert results["Registry answer"]["fix"]
    assert "does not answer" in results["Champion tag"]["found"]
    assert "no such folder" in results["Events source"]["found"], "found after the registry was given up"
    assert results["Lake writes"]["status"] == "ok"
    assert KEY not in done.stdout + done.stderr
