"""Reasons for a registry's failure that a message names, what to do about them, and whether a retry can help.

The messages are those of `crane` (Go), of Python's `ssl`, and of registries: a registry's text is only recognised
where its HTTP status is ambiguous.
"""

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Cause:
    """A reason for a failure that the message names, and what to do.

    Attributes:
        pattern: searched in the message.
        fix: what to do; `{config}` stands for Docker's configuration.
        final: whether another attempt is pointless.
    """

    pattern: re.Pattern[str]
    fix: str
    final: bool = True


def cause_of(message: str) -> Cause | None:
    """Return the first cause that a message names; None if it names none."""
    return next((cause for cause in CAUSES if cause.pattern.search(message)), None)


def _cause(pattern: str, fix: str, final: bool = True) -> Cause:
    return Cause(re.compile(pattern, re.IGNORECASE), fix, final)


CAUSES: Final = (
    _cause(
        r"docker-credential-\S+: executable file not found",
        "Install this credential helper on PATH, or remove it from Docker's configuration "
        "(credsStore or credHelpers in {config}).",
    ),
    _cause("error getting credentials", "Docker's credential helper failed; run it by hand to see why."),
    _cause("parsing config file", "Correct Docker's configuration, or point DOCKER_CONFIG at another folder."),
    _cause(
        "signed by unknown authority|certificate is not trusted|self-signed certificate|unable to get local issuer",
        "Set SSL_CERT_FILE to a PEM file with the certificate of the registry's authority.",
    ),
    _cause(
        "certificate has expired|certificate is not yet valid",
        "Check this machine's clock, or have the certificate renewed.",
    ),
    _cause(
        "certificate is (not )?valid for|cannot validate certificate for",
        "Use a host name that is in the registry's certificate (LEAPLINE_REGISTRY).",
    ),
    _cause(
        r"server gave HTTP response to HTTPS client|WRONG_VERSION_NUMBER|record layer failure",
        "The registry speaks plain HTTP: set LEAPLINE_REGISTRY_PLAIN_HTTP=true if the network is trusted.",
    ),
    _cause("HTTP request to an HTTPS server", "The registry speaks HTTPS: set LEAPLINE_REGISTRY_PLAIN_HTTP=false."),
    _cause(
        "quota|insufficient storage|no space left|exceed the configured upper limit",  # the last one is Harbor's
        "Free space in the registry, or have its quota raised.",
    ),
    _cause(
        "token.{0,40}expired|expired.{0,40}token|credentials? .{0,20}expired",
        "The login has expired: log in again.",
        final=False,
    ),
    _cause(
        "405 Method Not Allowed|read.only",
        "The registry does not accept writes: end its read-only mode, or use another one (LEAPLINE_REGISTRY).",
    ),
    _cause(
        "connection refused|no such host|network is unreachable|Name or service not known",
        "Check the address (LEAPLINE_REGISTRY), or start the local registry with `leapline registry start`.",
        final=False,
    ),
)
