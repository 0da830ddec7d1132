"""Planted problems of programs, disk, clock and ports are named with their fix."""

import os
import shutil
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from leapline import __version__
from leapline.doctor.finding import Status
from leapline.events.cleaner.program import program_here
from leapline.settings import Settings
from tests.conftest import ROOT
from tests.doctor.conftest import Usage, examine, only
from tests.fakes.servers import up
from tests.ports import free_port


def install(tools: Path, name: str, source: Path | str) -> None:
    """Put a program, or a script, into the folder of tools; the others stay."""
    if (tools / "bin").is_symlink():
        (tools / "bin").unlink()
        (tools / "bin").mkdir()
        for program in (ROOT / ".local" / "bin").iterdir():
            (tools / "bin" / program.name).symlink_to(program)
    (tools / "bin" / name).unlink()
    if isinstance(source, Path):
        (tools / "bin" / name).symlink_to(source)
    else:
        (tools / "bin" / name).write_text(f"#!/bin/sh\n{source}\n")
        (tools / "bin" / name).chmod(0o755)


def test_program_of_another_module_or_without_build_information_is_named(home: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    assert only("Software crane", Status.OK).found == "version 0.22.1"
    assert only("Software registry", Status.OK).found == "version 3.1.2"
    install(tools, "crane", ROOT / ".local" / "bin" / "registry")
    finding = only("Software crane", Status.PROBLEM)
    assert "of leapline/tools/registry" in finding.found
    assert (finding.expected, finding.fix) == ("version 0.22.1", "Run `make setup`.")
    install(tools, "crane", "echo 0.22.1")
    assert "compiled by Go" in only("Software crane", Status.PROBLEM).expected
    (tools / "bin" / "registry").unlink()
    assert "make setup" in only("Software registry", Status.PROBLEM).fix


def test_cleaner_of_another_version_or_missing_is_named(home: Path, tmp_path: Path) -> None:
    assert only("Software cleaner", Status.OK).found == f"version {__version__}"
    (tmp_path / "tools" / "cleaner").unlink()
    assert "no " in only("Software cleaner", Status.PROBLEM).found
    program = tmp_path / "tools" / "cleaner" / program_here().name
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 0.0.9\n")
    program.chmod(0o755)
    assert "version 0.0.9" in only("Software cleaner", Status.PROBLEM).found


def test_scorer_of_another_version_and_missing_scorers_are_named(home: Path, tmp_path: Path) -> None:
    install(tmp_path / "tools", "scorer", "echo 0.0.9")
    (tmp_path / "tools" / "scorer").unlink()
    findings = {finding.part: finding for finding in examine("Software scorer")}
    assert "0.0.9" in findings[""].found
    assert findings[""].expected == f"version {__version__}"
    assert "linux-arm64" in findings["for images"].found
    (tmp_path / "tools" / "bin" / "scorer").unlink()
    assert "No such file" in next(f for f in examine("Software scorer") if not f.part).found


def test_missing_and_old_java_is_named(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "java"))
    assert "Correct JAVA_HOME" in only("Software Java", Status.PROBLEM).fix
    (tmp_path / "java" / "bin").mkdir(parents=True)
    (tmp_path / "java" / "bin" / "java").write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    (tmp_path / "java" / "bin" / "java").chmod(0o755)
    finding = only("Software Java", Status.PROBLEM)
    assert '"11.0.2"' in finding.found
    assert finding.expected == "Java 17 or later"


def test_other_spark_is_named(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "spark" / "jars").mkdir(parents=True)
    (tmp_path / "spark" / "jars" / "spark-core_2.13-3.5.1.jar").touch()
    monkeypatch.setenv("SPARK_HOME", str(tmp_path / "spark"))
    assert "with Spark 3.5.1" in only("Software Spark", Status.PROBLEM).found
    monkeypatch.setenv("SPARK_HOME", str(next((ROOT / ".venv" / "lib").glob("python*/site-packages/pyspark"))))
    assert only("Software Spark", Status.OK)


def test_wrong_and_stopped_spark_master_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert only("Software Spark master", Status.OK).found == "local[*]"
    monkeypatch.setenv("LEAPLINE_SPARK_MASTER", "spark://127.0.0.1")
    assert "7077" in only("Software Spark master", Status.PROBLEM).fix
    monkeypatch.setenv("LEAPLINE_SPARK_MASTER", f"spark://127.0.0.1:{free_port()}")
    assert "Connection refused" in only("Software Spark master", Status.PROBLEM).found


def test_missing_jars_for_buckets_are_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert only("Software Spark jars", Status.NOT_APPLICABLE)
    monkeypatch.setenv("LEAPLINE_LAKE", "s3://shop/lake")
    assert "make setup" in only("Software Spark jars", Status.PROBLEM).fix


def test_packages_that_are_not_as_pinned_are_named(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert only("Software packages", Status.OK)
    monkeypatch.setattr("leapline.doctor.software.ROOT", tmp_path)
    assert "without its checkout" in only("Software packages", Status.NOT_APPLICABLE).found
    pins = "pydantic==1.0\n    # via leapline\nabsent-on-windows==2 ; sys_platform == 'win32'\n"
    (tmp_path / "requirements.txt").write_text(pins)
    finding = only("Software packages", Status.WARNING)
    assert "instead of 1.0" in finding.found
    assert "absent" not in finding.found
    (tmp_path / "requirements.txt").write_text(pins + "no-such-package==3.2\n")
    assert only("Software packages", Status.PROBLEM).found == "not installed: no-such-package 3.2"


# A disk that is really full would need a file system of its own, which needs root.
@pytest.mark.parametrize(("free", "status"), [(0.5, Status.PROBLEM), (3, Status.WARNING), (50, Status.OK)])
def test_little_free_space_is_reported(
    home: Path, free: float, status: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100 * 2**30, 0, int(free * 2**30)))
    findings = examine("Machine free space")
    assert {(finding.part, finding.status) for finding in findings} == {("lake", status), ("temporary files", status)}
    assert f"{free:.1f} GiB" in findings[0].found


@pytest.fixture
def late_registry(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server whose clock differs by some seconds."""

    class Late(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response_only(200)
            self.send_header("Date", format_datetime(datetime.now(UTC) + timedelta(seconds=request.param), usegmt=True))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Write no log."""

    with up(HTTPServer(("127.0.0.1", 0), Late)) as server:
        yield f"127.0.0.1:{server.server_address[1]}"


@pytest.mark.parametrize(
    ("late_registry", "status", "text"),
    [
        (0, Status.OK, ""),
        (90, Status.WARNING, "behind"),
        (-90, Status.WARNING, "ahead of"),
        (1000, Status.PROBLEM, "behind"),
    ],
    indirect=["late_registry"],
)
def test_clock_that_differs_from_the_registry_is_reported(
    home: Path, late_registry: str, status: Status, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAPLINE_REGISTRY", late_registry)
    finding = only("Machine clock", status)
    assert finding.part == "registry"
    assert text in finding.found
    assert status is Status.OK or "NTP" in finding.fix


def test_port_that_another_program_has_is_reported(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        other.settimeout(0.1)
        port = other.getsockname()[1]
        monkeypatch.setenv("LEAPLINE_REGISTRY", f"127.0.0.1:{port}")
        monkeypatch.setattr("leapline.doctor.subject.Subject.registry_answer", RuntimeError("no registry"))
        (tmp_path / "tools" / "airflow").mkdir()
        (tmp_path / "tools" / "airflow" / "port").write_text(str(port))
        findings = examine("Machine port")
    assert [finding.status for finding in findings] == [Status.PROBLEM, Status.WARNING]
    assert all(f"process {os.getpid()}" in finding.found for finding in findings)
    assert f"LEAPLINE_REGISTRY=127.0.0.1:{port + 1}" in findings[0].fix
    assert f"make up PORT={port + 1}" in findings[1].fix


def test_port_of_a_registry_that_somebody_else_started_is_no_problem(healthy: Settings) -> None:
    assert "has not started" in next(f.found for f in examine("Machine port") if "registry" in f.found)
