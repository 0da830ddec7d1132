"""A scorer process is confined: user, limits, loopback, environment, and files of its own."""

import os
import socket
import zipfile
from pathlib import Path

import pytest

from leapline import confinement
from leapline.confinement import NOBODY, Limits
from leapline.errors import ScorerError
from leapline.serving import scorer_process
from leapline.serving.platforms import host_architecture
from leapline.serving.scorer_process import serve_archive, start
from tests.conftest import ROOT

BUNDLE = ROOT / "include/scorer/testdata/buy"
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="ONLY ROOT CHANGES THE USER, so this was not tested")


@pytest.fixture
def scorer() -> Path:
    path = ROOT / ".local/scorer" / f"linux-{host_architecture()}" / "scorer"
    if not path.exists():
        pytest.skip("SCORER MISSING: run `make setup`; its confinement was not tested")
    return path


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "lake" / "model.zip"
    path.parent.mkdir(mode=0o700)
    with zipfile.ZipFile(path, "w") as out:
        for file in BUNDLE.rglob("*"):
            out.write(file, file.relative_to(BUNDLE))
    path.chmod(0o600)
    return path


def processes_in(folder: Path) -> list[Path]:
    """Return the `/proc` folders of the processes that work in a folder."""
    matches = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cwd").readlink().is_relative_to(folder):
                matches.append(entry)
        except OSError:
            continue
    return matches


def test_scorer_has_little(scorer: Path, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    work = tmp_path / "work"
    work.mkdir()
    with serve_archive(scorer, archive, work) as client:
        assert client.ready()
        [process] = processes_in(work)
        status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines() if ":\t" in line)
        limits = (process / "limits").read_text()
        variables = (process / "environ").read_bytes().split(b"\0")
        port = int(next(v for v in variables if v.startswith(b"PORT=")).removeprefix(b"PORT="))
        assert [name for name in variables if name and not name.startswith(b"PORT=")] == []
        for name, value in (("Max data size", 4 << 30), ("Max cpu time", 3600), ("Max core file size", 0)):
            assert [line.split()[-3:-1] for line in limits.splitlines() if line.startswith(name)] == [[str(value)] * 2]
        if os.geteuid() == 0:
            assert set(status["Uid"].split()) == {str(NOBODY)}
            assert status["Groups"].strip() == ""
        with socket.socket() as other, pytest.raises(ConnectionRefusedError):
            other.connect(("127.0.0.2", port))  # an address of this machine besides the one that it listens on
    assert processes_in(work) == []


def run_script(folder: Path, script: str, limits: Limits | None = None) -> str:
    """Run a shell script as a confined process to its end; return its output."""
    private = folder / "private"
    private.mkdir()
    (private / "scorer").write_text(f"#!/bin/sh\n{script}\n")
    (private / "scorer").chmod(0o700)
    with start(["./scorer"], {"PATH": os.defpath}, private, folder / "log", limits) as running:
        running.process.wait(20)
    return (folder / "log").read_text()


@AS_ROOT
def test_another_user_cannot_read_the_files_of_the_installation(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("secret")
    key.chmod(0o600)
    output = run_script(
        tmp_path, f"cat {key}; grep Uid: /proc/self/status; touch {tmp_path}/new; touch mine; ls -l mine"
    )
    assert "secret" not in output
    assert output.count("Permission denied") == 2
    assert f"Uid:\t{NOBODY}\t{NOBODY}" in output
    assert "-rw-------" in output


def test_limits_end_a_process_that_uses_too_much(tmp_path: Path) -> None:
    for name in ("cpu", "file"):
        (tmp_path / name).mkdir()
    limits = Limits(cpu_seconds=1, file_bytes=1 << 20)
    output = run_script(tmp_path / "cpu", "while :; do :; done; echo too late", limits)
    assert "too late" not in output
    run_script(tmp_path / "file", "head -c 5000000 /dev/zero > large", limits)
    assert (tmp_path / "file/private/large").stat().st_size == 1 << 20


def test_model_that_needs_too_much_memory_is_an_error(
    scorer: Path, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scorer_process, "Limits", lambda: Limits(memory_bytes=1 << 20))
    work = tmp_path / "work"
    work.mkdir()
    with pytest.raises(ScorerError), serve_archive(scorer, archive, work):
        pass


def test_without_rights_the_user_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confinement, "changes_user", lambda: False)
    assert "user" not in confinement.popen_options(tmp_path)
    assert f"Uid:\t{os.geteuid()}" in run_script(tmp_path, "grep Uid: /proc/self/status")
