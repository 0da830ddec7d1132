"""A scorer process is confined: user, limits, loopback, environment, and files of its own."""

import os
import socket
import subprocess
import zipfile
from pathlib import Path

import pytest

from leapline import confinement
from leapline.confinement import NOBODY, Limits
from leapline.errors import ScorerError
from leapline.serving import private_network as private_network_module
from leapline.serving import scorer_process
from leapline.serving.platforms import host_architecture
from leapline.serving.scorer_process import serve_archive, start
from tests.conftest import ROOT

BUNDLE = ROOT / "include/scorer/testdata/buy"
_ADMIN = 1 << 21  # CAP_SYS_ADMIN


def _capabilities() -> int:
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1], 16) for line in lines if line.startswith("CapEff:")), 0)


WITH_NETWORK = pytest.mark.skipif(
    not _capabilities() & _ADMIN, reason="NO RIGHT TO A PRIVATE NETWORK (CAP_SYS_ADMIN), so it was not tested"
)
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


@WITH_NETWORK
def test_process_reaches_nothing_on_the_network(scorer: Path, archive: Path, tmp_path: Path) -> None:
    """Neither another host nor a service of this one; the clients of the process reach it all the same."""
    work = tmp_path / "work"
    work.mkdir()
    with serve_archive(scorer, archive, work) as client:
        [process] = processes_in(work)
        assert (process / "ns/net").readlink() != Path("/proc/self/ns/net").readlink()
        assert len((process / "net/route").read_text().splitlines()) == 1, "the head of the table, no route"
        assert [line.split(":")[0].strip() for line in (process / "net/dev").read_text().splitlines()[2:]] == ["lo"]
        assert client.ready()


@WITH_NETWORK
def test_service_of_this_host_is_not_reached(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as service:
        port = service.getsockname()[1]
        attempt = f"exec 3<>/dev/tcp/127.0.0.1/{port} && echo reached"
        assert subprocess.run(["bash", "-c", attempt], capture_output=True, text=True).stdout == "reached\n"
        assert "Connection refused" in run_script(tmp_path, f"bash -c '{attempt}'")


def test_without_rights_the_network_stays(
    scorer: Path, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_network_module, "_CLONE_NEWNET", -1)  # the kernel rejects it
    work = tmp_path / "work"
    work.mkdir()
    with serve_archive(scorer, archive, work) as client:
        [process] = processes_in(work)
        assert (process / "ns/net").readlink() == Path("/proc/self/ns/net").readlink()
        assert client.ready()


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
