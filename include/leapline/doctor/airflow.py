"""Checks of Airflow, in a program of their own: importing Airflow takes seconds, and needs Airflow's environment.

The program is `leapline.orchestration.airflow_checks`. It reads Airflow's database and needs no running Airflow.
"""

import json
import os
import stat
import subprocess
import sys
from dataclasses import dataclass
from typing import Any, Final

from leapline.doctor.finding import Finding, NotApplicableError, Status, ok, problem
from leapline.doctor.subject import Subject
from leapline.local.airflow_env import AirflowInstance, environment
from leapline.settings import Settings

LIMIT_S: Final = 90.0
PRIVATE_FILES: Final = ("airflow.db", "secrets.json", "passwords.json", "airflow.cfg")
_MODULE: Final = "leapline.orchestration.airflow_checks"


@dataclass(frozen=True)
class Airflow:
    """The Airflow of an installation.

    Attributes:
        instance: the one of `make up`.
        is_local: whether it is the one of `make up`; otherwise the environment configures it, as in containers.
    """

    instance: AirflowInstance
    is_local: bool


def airflow_of(settings: Settings) -> Airflow:
    """Return the Airflow of an installation."""
    from leapline.local.airflow import recorded_port

    configured = any(name.startswith("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN") for name in os.environ)
    folder = settings.tools / "airflow"
    return Airflow(AirflowInstance(folder, recorded_port(AirflowInstance(folder))), is_local=not configured)


def airflow(subject: Subject) -> list[Finding]:
    """Run the checks of Airflow and return their findings."""
    target = airflow_of(subject.settings)
    if target.is_local and not (target.instance.folder / "airflow.db").exists():
        raise NotApplicableError("Airflow has not been started here; `make up` starts it.")
    env = environment(subject.settings, target.instance) if target.is_local else dict(os.environ)
    # Otherwise connections would be looked up by a task's supervisor, and not in the database.
    env |= {"_AIRFLOW_PROCESS_CONTEXT": "server"}
    read, write = os.pipe()
    command = [sys.executable, "-m", _MODULE, "--out", str(write), *(["--local"] if target.is_local else [])]
    with os.fdopen(read) as answer:
        try:
            done = subprocess.run(
                command, env=env, cwd=subject.installation.folder, pass_fds=[write], stdin=subprocess.DEVNULL,
                capture_output=True, text=True, errors="replace", timeout=LIMIT_S - 5, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            fix = "Check that Airflow's database and the services of its connections can be reached."
            return [problem("no result in time", expected=f"a result within {LIMIT_S:.0f} s", fix=fix)]
        finally:
            os.close(write)
        text = answer.read()
    if done.returncode or not text:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        state = f"the checks of Airflow ended with exit status {done.returncode}: {lines[-1][:300] if lines else ''}"
        fix = "Correct Airflow's environment; `leapline airflow info` shows it."
        return [problem(state, expected="an Airflow whose configuration can be read", fix=fix)]
    return [_finding(entry) for entry in json.loads(text)]


def files(subject: Subject) -> Finding:
    """Check that nobody else can read the database, the secrets and the passwords of the local Airflow."""
    target = airflow_of(subject.settings)
    folder, forbidden = target.instance.folder, int(subject.settings.umask, 8) & 0o077
    present = [folder / name for name in PRIVATE_FILES if target.is_local and (folder / name).exists()]
    if not present:
        raise NotApplicableError("There is no Airflow of `make up`.")
    is_closed = not stat.S_IMODE(folder.stat().st_mode) & 0o011
    exposed = [str(path) for path in present if stat.S_IMODE(path.stat().st_mode) & forbidden]
    if exposed and not is_closed:
        state = f"other users can read {', '.join(exposed)}"
        return problem(state, expected="files for this user only", fix=f"Run `chmod -R go-rwx {folder}`.")
    return ok(f"{len(present)} files in {folder}")


def _finding(entry: dict[str, Any]) -> Finding:
    return Finding(Status(entry["status"]), entry["found"], entry["expected"], entry["fix"], entry["part"])
