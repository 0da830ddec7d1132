"""A platform counts as executable if its scorer ran here: emulators may be absent, crash, hang or be unreadable."""

import os
import shutil
from pathlib import Path

import pytest

from leapline import confinement
from leapline.serving import execution
from leapline.serving.execution import EMULATORS, NATIVELY
from leapline.serving.platforms import host_architecture
from tests.serving.emulators import FOREIGN, SCORERS, needs_emulator, write_emulator


@pytest.fixture
def scorer() -> Path:
    if not SCORERS[FOREIGN].exists():
        pytest.skip("SCORER ABSENT: run `make setup`; no platform was executed")
    return SCORERS[FOREIGN]


@pytest.fixture
def emulators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH; it does not exist yet. Another user cannot read it."""
    monkeypatch.setenv("PATH", str(tmp_path / "programs"))
    monkeypatch.setattr(confinement, "changes_user", lambda: False)
    return tmp_path / "programs"


def test_own_platform_is_executed_natively(tmp_path: Path) -> None:
    how = execution.execution(host_architecture(), tmp_path / "not even looked at")
    assert (how.how, how.command, how.problem, how.is_native) == (NATIVELY, (), "", True)


@needs_emulator
def test_other_platform_is_executed_by_the_installed_emulator(scorer: Path) -> None:
    how = execution.execution(FOREIGN, scorer)
    assert how.problem == ""
    assert how.how.startswith("by emulation (qemu-")
    assert how.how.rstrip(")").split()[-1][0].isdigit(), "the version"
    assert Path(how.command[0]).name in EMULATORS[FOREIGN]
    assert not how.is_native


@needs_emulator
def test_program_of_this_platform_does_not_pass_for_one_of_the_other(
    scorer: Path, emulators: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an emulator it would start; with one it is rejected."""
    scorer_of_host = SCORERS[host_architecture()]
    assert "there is no qemu-" in execution.execution(FOREIGN, scorer_of_host).problem
    monkeypatch.undo()
    assert "fails: exit status" in execution.execution(FOREIGN, scorer_of_host).problem


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'uncaught target signal 11' >&2; kill -SEGV $$", "exit status -11, uncaught target signal 11"),
        ("exit 0", "exit status 0"),
        ("exec /bin/sleep 60", "timed out"),
    ],
    ids=["crash", "no output", "hang"],
)
def test_emulator_that_does_not_work_is_named_with_its_fault(
    scorer: Path, emulators: Path, monkeypatch: pytest.MonkeyPatch, script: str, reason: str
) -> None:
    write_emulator(emulators, script)
    monkeypatch.setattr(execution, "_TRIAL_S", 1.0)
    monkeypatch.setattr(execution, "_machine", lambda _: None)  # as if the kernel had no emulator either
    how = execution.execution(FOREIGN, scorer)
    assert f"{emulators / EMULATORS[FOREIGN][0]} fails: " in how.problem
    assert reason in how.problem
    assert how.how == ""


def test_absent_emulator_is_named(scorer: Path, emulators: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "_machine", lambda _: None)
    problem = execution.execution(FOREIGN, scorer).problem
    assert (
        problem == f"this machine is linux/{host_architecture()}, and there is no {EMULATORS[FOREIGN][0]} on its PATH"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="ONLY ROOT CHANGES THE USER, so this was not tested")
@needs_emulator
def test_emulator_that_the_other_user_cannot_read_does_not_work(
    scorer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The probe runs as another user, and so does the trial."""
    real = next(filter(None, map(shutil.which, EMULATORS[FOREIGN])))
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    shutil.copy(real, private)
    monkeypatch.setenv("PATH", str(private))
    monkeypatch.setattr(execution, "_machine", lambda _: None)
    assert "Permission denied" in execution.execution(FOREIGN, scorer).problem
