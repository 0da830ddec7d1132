"""Run `crane`, and retry a call while the registry's failure may be temporary.

`crane` reads logins from Docker's config (`$DOCKER_CONFIG`, credential helpers), so passwords are never arguments, and
each attempt is a new process that requests a new token from the helper. A registry does not receive a blob twice, so a
repeated push resumes.

Decisions depend on the HTTP status, which `crane --verbose` logs for every request (with credentials redacted), and not
on the text of the body, which differs between registries. Failures without a status, or with an ambiguous one, are
recognised by the message of `crane` itself; they only change what the error advises, and whether it is worth retrying.
"""

import os
import random
import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from leapline.errors import (
    AccessDeniedError,
    RegistryError,
    RegistryUnusableError,
    TagConflictError,
    ToolMissingError,
)
from leapline.serving.docker_config import has_login, login_origin, user_config
from leapline.serving.registry_causes import cause_of

_RESPONSE = re.compile(r"<-- (\S+).*? (https?://\S+)")
_URL = re.compile(r"https?://\S+?(?=[:,]?(?:\s|$))")
_IMMUTABLE = re.compile(r"immutable|cannot be overwritten", re.IGNORECASE)
_INVALID = re.compile(r"could not parse reference", re.IGNORECASE)
_FORMAT = re.compile(r"MANIFEST_INVALID|UNSUPPORTED|media.?type", re.IGNORECASE)
_TEMPORARY = frozenset({408, 425, 429})
_MAX_WAIT_S = 10.0
_TRANSFERS = frozenset({"push", "pull"})
_ANSWER_S = 20.0
"""How long an attempt that transfers no image may take: a connection that stalls is given up while a retry can help."""


class Login(Protocol):
    """A login that is made and renewed by this process."""

    def environment(self) -> dict[str, str]:
        """Return environment variables with which `crane` is logged in."""

    def renew(self) -> None:
        """Replace a login that was rejected."""


class AbsentError(RegistryError):
    """The tag, digest or repository is not in the registry (HTTP 404). Not retried."""

    retriable = False


@dataclass(frozen=True)
class Crane:
    """The command-line tool `crane`, bound to one registry host.

    Args:
        binary: path of the compiled `crane`.
        host: `host[:port]`, for messages.
        budget_s: maximum seconds for one operation, including its retries.
        plain_http: whether `crane` may fall back to plain HTTP for any host.
        login: logs in where Docker's configuration cannot, such as on ECR.
    """

    binary: Path
    host: str
    budget_s: float
    plain_http: bool = False
    login: "Login | None" = None

    def run(self, *args: str) -> str:
        """Return the standard output of `crane ARGS`.

        Raises:
            AbsentError: the registry answered 404.
            AccessDeniedError: the registry answered 401 or 403, even with a new token.
            TagConflictError: the registry does not allow the tag to move.
            RegistryUnusableError: the registry cannot be used as configured; the message contains the remedy.
            RegistryError: the request was rejected for another reason, or failed until the budget was exhausted.
            ToolMissingError: `crane` is missing.
        """
        deadline, tries = time.monotonic() + self.budget_s, 0
        while True:
            tries += 1
            left = deadline - time.monotonic()
            code, out, log = self._once(args, left if args[0] in _TRANSFERS else min(left, _ANSWER_S))
            if code == 0:
                return out
            failure = _Failure(log, self.host, is_aws=self.login is not None)
            wait = min(0.25 * 2**tries, _MAX_WAIT_S) * random.uniform(0.5, 1.5)
            if failure.is_final(tries) or time.monotonic() + wait > deadline:
                raise self._error(args[0], failure, tries)
            if self.login and failure.is_denied:
                self.login.renew()
            time.sleep(wait)

    def _once(self, args: Sequence[str], timeout_s: float) -> tuple[int, str, str]:
        try:
            done = subprocess.run(
                [str(self.binary), "--verbose", *(["--insecure"] if self.plain_http else []), *args],
                capture_output=True, text=True, errors="replace", check=False, timeout=max(timeout_s, 0.1),
                stdin=subprocess.DEVNULL, env=os.environ | (self.login.environment() if self.login else {}),
            )  # fmt: skip
        except FileNotFoundError as exc:
            raise ToolMissingError(
                "crane", found=f"no {self.binary}", expected="the compiled tool", fix="Run `make setup`."
            ) from exc
        except subprocess.TimeoutExpired as exc:
            responses = _responses((exc.stderr or b"").decode(errors="replace"))
            last = f"; the last response was HTTP {responses[-1][0]}" if responses else ""
            return 1, "", f"Error: no answer within {timeout_s:.0f} s{last}"
        return done.returncode, done.stdout, done.stderr

    def _error(self, action: str, failure: "_Failure", tries: int) -> RegistryError:
        return failure.kind(
            f"registry {self.host}",
            found=f"`crane {action}` failed {tries} time{'s'[: tries > 1]} ({failure.message}); it moved no tag",
            expected="a registry that answers and allows the operation",
            fix=failure.fix,
        )


class _Failure:
    """Why `crane` failed, from its log."""

    def __init__(self, log: str, host: str, *, is_aws: bool) -> None:
        self.host, self.is_aws = host, is_aws
        self.message = _error_message(log)
        self.status = _status(log, self.message)
        # An address contains the user's names: a repository named "quota" is no cause.
        text = _URL.sub("", self.message)
        self.cause = cause_of(text)

    @property
    def kind(self) -> type[RegistryError]:
        if self.status is not None and 400 <= self.status < 500 and _IMMUTABLE.search(self.message):
            return TagConflictError
        if self.status == 404:
            return AbsentError
        if self.cause and self.cause.final:
            return RegistryUnusableError
        return AccessDeniedError if self.status in (401, 403) else RegistryError

    @property
    def is_denied(self) -> bool:
        """Whether the registry rejects the login, which may have expired."""
        return self.status in (401, 403)

    def is_final(self, tries: int) -> bool:
        """Return whether another attempt is pointless. A denial is final only after an attempt with a new token."""
        if _INVALID.search(self.message) or (self.cause and self.cause.final):
            return True
        if self.kind is AccessDeniedError:
            return tries > 1
        return self.status is not None and 400 <= self.status < 500 and self.status not in _TEMPORARY

    @property
    def fix(self) -> str:
        if self.kind is TagConflictError:
            return (
                "Make the tags `champion` and `previous` mutable in this repository (on ECR: image tag mutability "
                "MUTABLE, or IMMUTABLE with an exclusion filter for both; on Harbor: exclude them from the "
                "immutability rule). Model ids may stay immutable."
            )
        if self.cause:
            return self.cause.fix.format(config=user_config())
        if self.kind is AccessDeniedError:
            return login_advice(self.host, self.status, is_aws=self.is_aws)
        if self.kind is AbsentError:
            return "`leapline models` lists the published models."
        if self.status in (400, 415) and _FORMAT.search(self.message):
            return (
                "The registry does not accept this image format; docs/platforms.md lists the formats. Models need a "
                "registry that accepts OCI indexes. LEAPLINE_DOCKER_IMAGES= turns images in Docker's format off."
            )
        return "Run it again later; blobs that were already sent are not sent again."


def login_advice(host: str, status: int | None, *, is_aws: bool) -> str:
    """Return what to do about a registry that denies access.

    Args:
        host: the registry.
        status: 401 or 403.
        is_aws: whether the login is made from AWS credentials.
    """
    if is_aws:
        return "Ask for permission: docs/platforms.md lists the AWS actions that the role of these credentials needs."
    if not has_login(host):
        return (
            f"Log in: {user_config()} has no login for {host} (`crane auth login {host}`, a Docker "
            "credential helper, or LEAPLINE_REGISTRY_CONNECTIONS in Airflow)."
        )
    origin = login_origin(host)
    if status == 401:
        return f"The registry rejects the login for {host} in {origin}: check user name and password."
    return f"Ask for permission: the login for {host} in {origin} is not allowed to do this."


def _error_message(log: str) -> str:
    """Return the error message of `crane`: the text after the last `Error:`, otherwise the last line of the log."""
    _, marker, text = log.rpartition("Error: ")
    lines = [line.strip() for line in (text if marker else log).splitlines() if line.strip()]
    return " ".join(lines)[:400] if marker and lines else (lines[-1][:400] if lines else "no message")


def _status(log: str, message: str) -> int | None:
    """Return the HTTP status of the last request to the address in the message; None for a broken connection."""
    failed = {_without_query(url) for url in _URL.findall(message)}
    statuses = [status for status, url in _responses(log) if _without_query(url) in failed]
    return int(statuses[-1]) if statuses and statuses[-1].isdigit() else None


def _responses(log: str) -> list[tuple[str, str]]:
    """Return status (or network error) and address of each response, except for pings of `/v2/`."""
    responses = [(match[1], match[2]) for match in _RESPONSE.finditer(log)]
    return [(status, url) for status, url in responses if urlsplit(url).path != "/v2/"]


def _without_query(url: str) -> str:
    return url.split("?", 1)[0]
