"""Run all checks, each in a thread with a time limit, so that a failure or a server that hangs leaves out no other one.

A thread cannot be stopped. One that exceeds its limit is left behind as a daemon, which ends with the process.
"""

import json
import os
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from threading import Thread
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from leapline.doctor.finding import Finding, NotApplicableError, Status, from_error, problem
from leapline.doctor.subject import Subject
from leapline.errors import LeaplineError
from leapline.settings import Settings

_SECRET_NAME: Final = re.compile(r"KEY|SECRET|PASSW|TOKEN", re.IGNORECASE)
_NAMES_A_FILE: Final = re.compile(r"_(FILE|PATH|DIR)$|PUBLIC", re.IGNORECASE)
_CONNECTION_NAME: Final = re.compile(r"AIRFLOW_CONN_|SQL_ALCHEMY_CONN|RESULT_BACKEND|BROKER_URL", re.IGNORECASE)
_SHORTEST_SECRET: Final = 8
"""Shorter values, such as `true`, are words of ordinary texts."""


@dataclass(frozen=True)
class Check:
    """A check.

    Attributes:
        group: heading under which it is listed.
        name: what it is about.
        function: returns one finding, or one per part. Errors of Leapline count as problems.
        limit_s: seconds after which it is given up.
        late_fix: what to do if it is.
        early: whether it starts before all others, because it waits for a slow program.
    """

    group: str
    name: str
    function: Callable[[Subject], Finding | Sequence[Finding]]
    limit_s: float = 10.0
    late_fix: str = "Run it again; if it is late again, report it."
    early: bool = False


@dataclass(frozen=True)
class Result:
    """A finding with its place in the report."""

    group: str
    name: str
    finding: Finding


def run_checks(checks: Sequence[Check], subject: Subject) -> list[Result]:
    """Run checks and return their results in the order of the checks, without secrets.

    Args:
        checks: to run.
        subject: the installation.
    """
    early = {check.name: _Running(check, subject) for check in checks if check.early}
    secrets = secret_values(subject)
    results = []
    for check in checks:
        running = early.get(check.name) or _Running(check, subject)
        for finding in running.findings():
            name = f"{check.name} {finding.part}".strip() or check.group
            results.append(Result(check.group, name, _without(finding, secrets)))
    return results


def secret_values(subject: Subject) -> list[str]:
    """Return the secrets that this process could print: of the settings, and of variables with such names."""
    values = [secret for name, value in os.environ.items() for secret in _secrets_of(name, value)]
    for name in Settings.model_fields if subject.valid_settings else ():
        value: Any = getattr(subject.valid_settings, name)
        if isinstance(value, SecretStr):
            values.append(value.get_secret_value())
    return sorted({value for value in values if len(value) >= _SHORTEST_SECRET}, key=len, reverse=True)


def _secrets_of(name: str, value: str) -> list[str]:
    """Return what is secret in a variable: all of a key, the password of a connection, nothing of a file's name."""
    if _CONNECTION_NAME.search(name):
        return _passwords(value)
    return [value] if _SECRET_NAME.search(name) and not _NAMES_A_FILE.search(name) else []


def _passwords(connection: str) -> list[str]:
    """Return the passwords of an Airflow connection (JSON or URI) or of a database's URL."""
    try:
        content = json.loads(connection)
        return [str(content.get("password") or "")] if isinstance(content, dict) else []
    except ValueError:
        pass
    try:
        password = urlsplit(connection).password or ""
    except ValueError:
        return [connection]
    return [password, unquote(password)]


def _without(finding: Finding, secrets: Iterable[str]) -> Finding:
    texts = {name: getattr(finding, name) for name in ("found", "expected", "fix", "part")}
    for secret in secrets:
        texts = {name: text.replace(secret, "***") for name, text in texts.items()}
    return replace(finding, **texts)


@dataclass
class _Running:
    """A check in its thread."""

    check: Check
    subject: Subject
    results: list[Finding] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._started = time.monotonic()
        self._thread = Thread(target=self._run, daemon=True, name=self.check.name)
        self._thread.start()

    def findings(self) -> list[Finding]:
        """Return what the check found out, or that it is late."""
        self._thread.join(max(0.0, self.check.limit_s - (time.monotonic() - self._started)))
        if self._thread.is_alive():
            limit = f"{self.check.limit_s:.0f} s"
            return [problem(f"no result within {limit}", expected=f"a result within {limit}", fix=self.check.late_fix)]
        return self.results

    def _run(self) -> None:
        try:
            result = self.check.function(self.subject)
        except NotApplicableError as exc:
            result = Finding(Status.NOT_APPLICABLE, str(exc))
        except LeaplineError as exc:
            result = from_error(exc)
        except Exception as exc:  # a fault of this check must not hide the results of the others
            text = f"{type(exc).__name__}: {' '.join(str(exc).split())[:300]}"
            result = problem(text, expected="a result", fix="Report it: this is a fault of the check itself.")
        self.results = [result] if isinstance(result, Finding) else list(result)
